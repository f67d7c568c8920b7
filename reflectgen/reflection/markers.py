"""Forged markers: text that would read as one of our markers is made harmless, character for character and reversibly.

A marker counts as forged however it is disguised: in another case, in full-width or other compatibility forms, with
white space, zero-width, control or combining characters in between. So no later NFKC normalisation, case folding or
stripping can bring one about. Only the first character of each forgery is replaced, by a look-alike that has no
decomposition; offsets stay valid.

Both passes over the text (folding it, finding in it) are linear, whatever the text; there is nothing to backtrack.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from reflectgen.errors import VerificationError

STAND_INS = {"<": "‹", "[": "⁅", "{": "❴", "(": "❨", "|": "¦", "/": "∕", "#": "♯", "*": "∗"}
STAND_IN = "·"  # for every other first character

# Characters that normalisers delete and readers do not see: spaces, controls, format and combining marks, lone halves.
_IGNORABLE = frozenset(["Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"])
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")  # letters by category, blank by definition

# Every character that decomposes into ASCII punctuation lies in one of these; a test holds them against all of Unicode.
_PUNCTUATION_RANGES = ((0x00, 0x400), (0x1F00, 0x3400), (0xFB00, 0x10000), (0x1F100, 0x1F200))

_MAX_KEPT_FOLDS = 1 << 16  # text that uses all of Unicode must not fill the memory
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class NeutralisedSpan:
    """`text[start:end]` stands in for `original`, which has the same length; offsets in code points."""

    start: int
    end: int
    original: str


def neutralise(text: str, markers: tuple[str, ...]) -> tuple[str, list[NeutralisedSpan]]:
    """Return `text` without anything that reads as one of `markers`, and what was replaced, in order.

    The result has the length of `text`, and neutralising it again changes nothing.
    """
    spans = [NeutralisedSpan(start, start + 1, text[start]) for start in find_markers(text, markers)]
    if not spans:
        return text, spans
    return _replaced(text, ((span.start, span.end, _stand_in(span.original)) for span in spans)), spans


def restore(text: str, spans: Sequence[NeutralisedSpan]) -> str:
    """Return what `neutralise` was given.

    Raises:
        VerificationError: the spans overlap, are out of order or do not fit `text`.
    """
    done = 0
    for span in spans:
        if not done <= span.start <= span.end <= len(text) or len(span.original) != span.end - span.start:
            raise VerificationError(f"a neutralised span, {span.start} to {span.end}, does not fit its text")
        done = span.end
    return _replaced(text, ((span.start, span.end, span.original) for span in spans)) if spans else text


def find_markers(text: str, markers: tuple[str, ...]) -> list[int]:
    """Return where `text` reads as one of `markers`, disguised or not: ascending offsets of the first characters."""
    folded_markers, firsts = _prepared(markers)
    if not any(first in text for first in firsts):
        return []
    folded = text.translate(_FOLDS)
    hits = sorted({hit for marker in folded_markers for hit in _occurrences(folded, marker)})
    return sorted(set(_sources(text, hits)))


def fold(text: str) -> str:
    """Return `text` without its disguises: decomposed, case folded, ignorable characters left out."""
    return text.translate(_FOLDS)


class _Folds(dict[int, str | None]):
    """The folded form of every character, worked out when first seen; None where nothing is left of it.

    None and not the empty string, because then `str.translate` keeps to its fast way through ASCII.
    """

    def __missing__(self, code: int) -> str | None:
        plain = _visible(unicodedata.normalize("NFKD", chr(code)))
        # By way of upper case, because the dotless i has no other way to the i.
        folded = _visible(unicodedata.normalize("NFKD", plain.upper().casefold())) or None
        if len(self) < _MAX_KEPT_FOLDS:
            self[code] = folded
        return folded


_FOLDS = _Folds()


def _visible(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) not in _IGNORABLE and c not in _FILLERS)


@lru_cache(maxsize=64)
def _prepared(markers: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the folded markers, and every character that folds to something with the first character of one in it."""
    if not all(marker and marker[0] in string.punctuation for marker in markers):
        raise ValueError(f"a marker starts with an ASCII punctuation character, got {markers!r}")
    firsts = {marker[0] for marker in markers}
    suspects = (chr(code) for low, high in _PUNCTUATION_RANGES for code in range(low, high))
    disguises = (c for c in suspects if not firsts.isdisjoint(unicodedata.normalize("NFKD", c)))
    return tuple(fold(marker) for marker in markers), tuple(disguises)


def _occurrences(text: str, marker: str) -> Iterator[int]:
    hit = text.find(marker)
    while hit >= 0:
        yield hit
        hit = text.find(marker, hit + 1)


def _sources(text: str, hits: Sequence[int]) -> Iterator[int]:
    """Yield, for ascending offsets in the folded text, where in `text` the characters there came from."""
    done = folded_done = 0
    for start in range(0, len(text), _BLOCK):
        if done == len(hits):
            return
        block = text[start : start + _BLOCK]
        folded_end = folded_done + len(fold(block))
        if hits[done] < folded_end:
            sources = [start + i for i, c in enumerate(block) for _ in _FOLDS[ord(c)] or ()]
            while done < len(hits) and hits[done] < folded_end:
                yield sources[hits[done] - folded_done]
                done += 1
        folded_done = folded_end


def _stand_in(character: str) -> str:
    return next((STAND_INS[c] for c in fold(character) if c in STAND_INS), STAND_IN)


def _replaced(text: str, replacements: Iterable[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    done = 0
    for start, end, replacement in replacements:
        pieces += text[done:start], replacement
        done = end
    return "".join((*pieces, text[done:]))
