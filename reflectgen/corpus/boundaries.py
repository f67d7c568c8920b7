"""Where a text is best cut: after paragraphs, sentences and lines, and inside a sentence that is too long.

Whitespace belongs to what stands before it, so a boundary lies before a visible character.
"""

from __future__ import annotations

import re
from enum import IntEnum


class Rank(IntEnum):
    """How good a place for a cut is."""

    NONE = 0  # inside a number or an address, after an abbreviation
    PERHAPS = 1  # after an acronym's stop, or where the text goes on in lower case
    LINE = 2
    SENTENCE = 3
    PARAGRAPH = 4


_NEWLINES = "\n\r\v\f\x85\u2028\u2029"
# Unicode's Sentence_Break=STerm outside ASCII, scripts of the past left out: these need no space after them.
_WIDE_STOPS = "։؝؞؟۔܀܁܂।॥၊။።፧፨᙮។៕᠃᠉᥄᥅᭚᭛᭞᭟᰻᰼᱾᱿‼‽⁇⁈⁉⸮⸼。꓿꘎꘏꛳꛷꡶꡷꣎꣏꧈꧉꩝꩞꩟꫰꫱꯫︒︕︖﹖﹗！？｡"
_STOPS = ".!?…" + _WIDE_STOPS
_OPENERS = "\"'“‘«‹([{*_"
_CLOSERS = "\"'”’»›)]}）」』】〉》〕］｝〗*_"
_WIDE_COMMAS = "、，；："

# One match a stop or line break, with all that belongs to it. It begins with a single set of characters, which Python
# looks for five times faster than for alternatives, and repeats possessively, which keeps it linear on any text.
_STOP = re.compile(rf"[{_NEWLINES}{_STOPS}](?:(?<![{_NEWLINES}])[{_STOPS}]*+[{re.escape(_CLOSERS)}]*+)?+\s*+")
_CLAUSE = re.compile(rf"[,;:—–،؛{_WIDE_COMMAS}{re.escape(_CLOSERS)}](?:(?<=[{_WIDE_COMMAS}])|\s)\s*+")

_ABBREVIATION_LENGTH = 6
_ABBREVIATIONS = frozenset(
    re.findall(
        r"\w+",
        """adm al apr aug ave blvd ca capt cf cmdr co col corp dec dept dr ed eds eg esp est etc feb fig figs gen gov
        hon inc jan jr lt ltd maj mar messrs mme mr mrs ms mt nov oct op pp prof pvt rep rev sec sen sep sept sgt sr
        st ste univ viz vol vols vs""",
    )
)


def boundaries(text: str) -> list[re.Match[str]]:
    """Return every stop and line break, in order, each with the closing marks and whitespace that belong to it."""
    return list(_STOP.finditer(text))


def rank_of(boundary: re.Match[str]) -> Rank:
    """Say what ends at a boundary."""
    text, mark = boundary.string, boundary[0]
    num_lines = 0 if mark.isprintable() else len(f"{mark}|".splitlines()) - 1
    if num_lines > 1:
        return Rank.PARAGRAPH
    sentence = _sentence_rank(text, mark, boundary.start(), boundary.end())
    return max(sentence, Rank.LINE) if num_lines else sentence


def _sentence_rank(text: str, mark: str, start: int, end: int) -> Rank:
    stop = mark[0]
    if stop in _WIDE_STOPS:
        return Rank.SENTENCE
    if stop in _NEWLINES or not mark[-1].isspace():
        return Rank.NONE
    if text[start - 1 : start].isspace():  # stops were pulled off their words, often in lower case throughout
        return Rank.SENTENCE
    rank = Rank.PERHAPS if text[end].islower() else Rank.SENTENCE
    return min(rank, _rank_after_word(text, start)) if stop == "." else rank


def _rank_after_word(text: str, end: int) -> Rank:
    """Say how surely a full stop at `end` ends a sentence, by the word before it."""
    before = text[max(0, end - _ABBREVIATION_LENGTH - 2) : end].split()
    word = before[-1].lstrip(_OPENERS) if before else ""
    if (len(word) == 1 and word.isalpha()) or word.lower() in _ABBREVIATIONS:
        return Rank.NONE
    begin = end - len(word)
    if word.isdecimal() and text[max(0, begin - 1) : begin] in _NEWLINES:  # the number of an item in a list
        return Rank.NONE
    return Rank.PERHAPS if word[-2:-1] == "." and word[-1].isalpha() else Rank.SENTENCE  # U.S., e.g.


def last_clause(text: str, start: int, end: int) -> int:
    """Return the last end of a clause after `start` and up to `end`, or `start`."""
    last = start
    for found in _CLAUSE.finditer(text, start, end):
        last = found.end()
    return last
