"""Cutting a text greedily into chunks of a limited number of units (words or tokens), at the best boundaries.

A long text passes through a window, so that memory and time stay those of the window: a chunk is cut only where the
window shows at least `LOOK_AHEAD` code points more than the chunk could reach.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property

import numpy as np

from reflectgen.corpus.boundaries import Rank, boundaries, last_clause, rank_of
from reflectgen.corpus.unicode_breaks import Breaks, Offsets

RULES = "1"  # another number whenever the same text would be cut elsewhere
WINDOW = 1 << 16  # code points: its arrays fit the processor's cache
LOOK_AHEAD = 256  # code points
# A chunk without words (a line of dashes, emoji) or with endless ones (base64, DNA) must end too: at so many visible
# code points a unit. Ordinary words of any language are far shorter.
VISIBLE_PER_UNIT = 20

_SPACE = re.compile(r"\s*")

Units = Callable[[str, Breaks], Offsets]  # from a text and its breaks to where its units begin, ascending


def cut(text: str, max_units: int, units: Units) -> list[int]:
    """Return where chunks of at most `max_units` units end, in code points, ascending; the last is the text's length.

    Only a single grapheme cluster may have more units than that.
    """
    ends: list[int] = []
    start, size = 0, WINDOW
    while start < len(text):
        window = _Window(text[start : start + size], start + size >= len(text), max_units, units)
        window_ends = window.cut()
        ends += [start + end for end in window_ends]
        start = ends[-1] if ends else 0
        size = WINDOW if window_ends else 2 * size
    return ends


class _Window:
    """Part of a text, from the start of a chunk on."""

    def __init__(self, text: str, is_last: bool, max_units: int, units: Units) -> None:
        self._text = text
        self._is_last = is_last
        self._max_units = max_units
        self._breaks = Breaks(text)
        self._units = units(text, self._breaks)
        self._boundaries = boundaries(text)
        self._ends = [boundary.end() for boundary in self._boundaries]

    @cached_property
    def _visible(self) -> Offsets:
        return np.flatnonzero(~self._breaks.white)

    def cut(self) -> list[int]:
        """Return the ends of the chunks that this window can decide on."""
        ends: list[int] = []
        start, length = 0, len(self._text)
        while start < length:
            limit = self._limit(start)
            if limit >= length and self._is_last:
                return [*ends, length]
            if limit > length - LOOK_AHEAD and not self._is_last:
                return ends
            start = self._best_end(start, limit)
            if start == length and not self._is_last:
                return ends
            ends.append(start)
        return ends

    def _limit(self, start: int) -> int:
        """Return how far a chunk from `start` on may reach; the text's length where nothing limits it."""
        first = int(self._units.searchsorted(start))
        # A chunk that begins inside a unit counts the rest of it as one.
        allowed = self._max_units - (not self._breaks.words[start])
        limit = int(self._units[first + allowed]) if first + allowed < len(self._units) else len(self._text)
        reach = self._max_units * VISIBLE_PER_UNIT
        if limit - start > reach:
            last = int(self._visible.searchsorted(start)) + reach
            limit = min(limit, int(self._visible[last])) if last < len(self._visible) else limit
        return limit

    def _best_end(self, start: int, limit: int) -> int:
        visible = _SPACE.match(self._text, start, limit)
        after_space = visible.end() if visible else start
        return (
            self._ranked_end(after_space, limit)
            or self._inner_end(after_space, limit)
            or self._cluster_end(start, limit)
        )

    def _ranked_end(self, start: int, limit: int) -> int:
        """Return the end of the paragraph, sentence or line to cut at; 0 for none.

        That is the best one in the last two thirds of the reach, the latest of its rank; failing that, the last one.
        """
        enough, much = start + (limit - start) // 3, start + (limit - start) * 2 // 3
        best, best_end = Rank.NONE, 0
        index = bisect_right(self._ends, limit) - 1
        while index >= 0 and (end := self._ends[index]) > start:
            if (end < enough and best >= Rank.LINE) or (end < much and best >= Rank.SENTENCE):
                break  # a paragraph's end is not worth a small chunk
            if self._breaks.words[end] and (rank := rank_of(self._boundaries[index])) > best:
                best, best_end = rank, end
            index -= 1
        return best_end

    def _inner_end(self, start: int, limit: int) -> int:
        """Return where to cut a sentence that is too long: after a clause, a space or a word; 0 for nowhere."""
        half = start + (limit - start) // 2
        clause = last_clause(self._text, start, limit)
        if clause > half and self._breaks.words[clause]:
            return clause
        words = np.flatnonzero(self._breaks.words[start + 1 : limit + 1]) + start + 1
        spaces = words[self._breaks.white[words - 1]]
        if len(spaces) and spaces[-1] > half:
            return int(spaces[-1])
        return int(words[-1]) if len(words) else 0

    def _cluster_end(self, start: int, limit: int) -> int:
        """Return where to cut inside a word that is too long: after a grapheme cluster, and at least one."""
        clusters = np.flatnonzero(self._breaks.graphemes[start + 1 : limit + 1])
        if len(clusters):
            return start + 1 + int(clusters[-1])
        later = np.flatnonzero(self._breaks.graphemes[limit + 1 :])
        return limit + 1 + int(later[0]) if len(later) else len(self._text)
