"""Where words and grapheme clusters begin, by the default rules of Unicode Standard Annex 29, for a whole text at once.

The rules look at the properties of neighbouring characters, so numpy applies them to all positions together; handing
each word to Python would take longer than everything else the chunker does. Rule numbers (WB6, GB9c) are the annex's.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from reflectgen.corpus import unicode_properties as bits
from reflectgen.corpus.unicode_properties import Properties

Codes = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Offsets = npt.NDArray[np.intp]


class Breaks:
    """A text's breaks and spaces: one flag a code point, and a break lies before its code point.

    `words` has every word break that is no place inside a cluster; inside runs of spaces it has all places (no WB3d).
    """

    def __init__(self, text: str) -> None:
        codes = _codes(text)
        self._properties = bits.tables()[0][codes]
        self.graphemes = self._clusters(text, codes)
        # A word begins inside a cluster only in oddities, such as a Prepend character before an ideograph.
        self.words = _word_breaks(self._properties) & self.graphemes

    @cached_property
    def white(self) -> Flags:
        return _has(self._properties, bits.WHITE)

    def word_starts(self) -> Offsets:
        """Return where each word begins: a segment between word breaks with at least one letter or number in it."""
        alphanumeric = _has(self._properties, bits.ALPHANUMERIC)
        starts = np.flatnonzero(self.words & alphanumeric)
        # A segment may also begin otherwise and have its letters later: `_name`.
        others = np.flatnonzero((self.words[:-1] > self.words[1:]) & ~alphanumeric[:-1])
        if not len(others):
            return starts
        others = others[_next_true(alphanumeric, others) < _next_true(self.words, others + 1)]
        return np.sort(np.concatenate([starts, others]))

    def _clusters(self, text: str, codes: Codes) -> Flags:
        if not text.isascii() and _has(self._properties, bits.CLUSTERED).any():
            return _grapheme_breaks(bits.tables()[1][codes])
        if "\r\n" in text:
            newlines = _has(self._properties, bits.NEWLINE)
            return _apart(np.where(newlines, self._properties, 0))
        return np.ones(len(codes), dtype=np.bool_)


def _codes(text: str) -> Codes:
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.intp)
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4").astype(np.intp)


def _next_true(flags: Flags, offsets: Offsets) -> Offsets:
    """Return for each offset the first one from there on whose flag is set, or the length."""
    set_at = np.append(np.flatnonzero(flags), len(flags))
    return np.asarray(set_at[np.searchsorted(set_at, offsets)], np.intp)


def _apart(properties: Properties) -> Flags:
    """Say before which characters there is a break by the rules that look at two neighbours only."""
    apart = np.ones(len(properties), dtype=np.bool_)
    np.equal(properties[:-1] & (properties[1:] >> bits.TWIN) & 0xFF, 0, out=apart[1:])
    return apart


def _word_breaks(properties: Properties) -> Flags:
    attached = _has(properties, bits.ATTACHED)
    if not attached.any():
        return _segments(properties)
    breaks = np.zeros(len(properties), dtype=np.bool_)
    attached[0] = False
    attached[1:] &= ~_has(properties[:-1], bits.NEWLINE)
    kept = np.flatnonzero(~attached)  # WB4: the rules look past what is attached to the character before it
    breaks[kept] = _segments(properties[kept])
    breaks[1:] &= ~(_has(properties[:-1], bits.JOINER) & _has(properties[1:], bits.PICTOGRAPH))  # WB3c
    return breaks


def _segments(properties: Properties) -> Flags:
    breaks = _apart(properties)
    special = np.flatnonzero(
        _has(properties, bits.INSIDE_LETTERS | bits.INSIDE_NUMBERS | bits.DOUBLE_QUOTE | bits.FLAG)
    )
    breaks[_second_of_pairs(special[_has(properties[special], bits.FLAG)])] = False  # WB15, WB16
    special = special[(special > 0) & (special < len(properties) - 1)]
    this, around = properties[special], properties[special - 1] & properties[special + 1]
    joining = special[
        (_has(around, bits.LETTER) & _has(this, bits.INSIDE_LETTERS))  # WB6, WB7
        | (_has(around, bits.HEBREW) & _has(this, bits.DOUBLE_QUOTE))  # WB7b, WB7c
        | (_has(around, bits.NUMERIC) & _has(this, bits.INSIDE_NUMBERS))  # WB11, WB12
    ]
    breaks[joining] = False
    breaks[joining + 1] = False
    return breaks


def _has(properties: Properties, bit: int) -> Flags:
    """Say which characters have a bit, or one of several."""
    return np.asarray((properties & bit) != 0)


def _grapheme_breaks(properties: Properties) -> Flags:
    breaks = _apart(properties)
    breaks[_conjuncts(properties)] = False
    breaks[_joined_pictographs(properties)] = False
    breaks[_second_of_pairs(np.flatnonzero(_has(properties, bits.FLAG)))] = False  # GB12, GB13
    return breaks


def _conjuncts(properties: Properties) -> Offsets:
    """Return the consonants that a linker joins to the consonant before them (GB9c)."""
    if not _has(properties, bits.LINKER).any():
        return np.zeros(0, dtype=np.intp)
    kept = np.flatnonzero(~_has(properties, bits.CONJUNCT_EXTEND))
    linkers = _has(properties[kept], bits.LINKER)
    kept = kept[np.append(~(linkers[:-1] & linkers[1:]), True)]  # of several linkers the last one
    consonants, linkers = _has(properties[kept], bits.CONSONANT), _has(properties[kept], bits.LINKER)
    joined: Offsets = kept[2:][consonants[:-2] & linkers[1:-1] & consonants[2:]]
    return joined


def _joined_pictographs(properties: Properties) -> Offsets:
    """Return the pictographs that a zero width joiner joins to the pictograph before them (GB11)."""
    if not _has(properties, bits.JOINER).any():
        return np.zeros(0, dtype=np.intp)
    kept = np.flatnonzero(~_has(properties, bits.EXTEND))
    pictographs, joiners = _has(properties[kept], bits.PICTOGRAPH), _has(properties[kept], bits.JOINER)
    adjacent = np.diff(kept[1:]) == 1
    joined: Offsets = kept[2:][pictographs[:-2] & joiners[1:-1] & pictographs[2:] & adjacent]
    return joined


def _second_of_pairs(positions: Offsets) -> Offsets:
    """Return every second position of each run of neighbours."""
    if not len(positions):
        return positions
    order = np.arange(len(positions))
    begins = np.append(True, np.diff(positions) != 1)
    run_begins = np.maximum.accumulate(np.where(begins, order, 0))
    seconds: Offsets = positions[(order - run_begins) % 2 == 1]
    return seconds
