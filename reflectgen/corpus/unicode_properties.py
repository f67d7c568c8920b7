"""The Unicode properties of characters that decide where words and grapheme clusters begin, as bits for numpy.

Most rules say that two neighbours belong together. Such a rule is a pair of bits: one in the low byte of the first
character's number, its twin in the next byte of the second one's. The other rules look at single bits from 16 on.
"""

from __future__ import annotations

from functools import cache, reduce
from importlib.resources import files
from operator import or_

import numpy as np
import numpy.typing as npt

VERSION = "18.0"  # of Unicode; scripts/build_unicode_properties.py
TABLE = files("reflectgen.corpus") / "unicode_properties.tsv"
TWIN = 8

Properties = npt.NDArray[np.uint32]

# Of words
_CRLF, _LETTER_OR_DIGIT, _KATAKANA, _BEFORE_CONNECTOR, _AFTER_CONNECTOR, _HEBREW_QUOTE = (1 << n for n in range(6))
LETTER, HEBREW, NUMERIC, INSIDE_LETTERS, INSIDE_NUMBERS, DOUBLE_QUOTE, ATTACHED, NEWLINE = (
    1 << n for n in range(16, 24)
)
ALPHANUMERIC, WHITE, FLAG, JOINER, PICTOGRAPH, CLUSTERED = (1 << n for n in range(24, 30))

_ALNUM = _LETTER_OR_DIGIT | _LETTER_OR_DIGIT << TWIN
_CONNECTED = _BEFORE_CONNECTOR | _AFTER_CONNECTOR << TWIN
_WORD = {
    "-": 0,
    "CR": NEWLINE | _CRLF,
    "LF": NEWLINE | _CRLF << TWIN,
    "Newline": NEWLINE,
    "Extend": ATTACHED,
    "ZWJ": ATTACHED | JOINER,
    "Format": ATTACHED,
    "Katakana": _KATAKANA | _KATAKANA << TWIN | _CONNECTED,
    "ALetter": LETTER | _ALNUM | _CONNECTED,
    "Hebrew_Letter": LETTER | HEBREW | _ALNUM | _CONNECTED | _HEBREW_QUOTE,
    "Numeric": NUMERIC | _ALNUM | _CONNECTED,
    "ExtendNumLet": _BEFORE_CONNECTOR | _BEFORE_CONNECTOR << TWIN | _AFTER_CONNECTOR,
    "MidLetter": INSIDE_LETTERS,
    "MidNum": INSIDE_NUMBERS,
    "MidNumLet": INSIDE_LETTERS | INSIDE_NUMBERS,
    "Single_Quote": INSIDE_LETTERS | INSIDE_NUMBERS | _HEBREW_QUOTE << TWIN,
    "Double_Quote": DOUBLE_QUOTE,
    "Regional_Indicator": FLAG,
    "WSegSpace": 0,  # runs of spaces (WB3d) make no difference to words
}

# Of grapheme clusters
_MARK, _PREPENDED, _HANGUL_L, _HANGUL_V, _HANGUL_T = (1 << n for n in range(1, 6))
EXTEND, CONSONANT, LINKER, CONJUNCT_EXTEND = (1 << n for n in range(16, 20))

_ANY = _MARK | _PREPENDED << TWIN
_GRAPHEME = {
    "-": _ANY,
    "CR": _CRLF,
    "LF": _CRLF << TWIN,
    "Control": 0,
    "Extend": _ANY | _MARK << TWIN | EXTEND,
    "ZWJ": _ANY | _MARK << TWIN | JOINER,
    "SpacingMark": _ANY | _MARK << TWIN,
    "Prepend": _ANY | _PREPENDED,
    "L": _ANY | _HANGUL_L | _HANGUL_L << TWIN,
    "V": _ANY | _HANGUL_V | (_HANGUL_L | _HANGUL_V) << TWIN,
    "T": _ANY | _HANGUL_T | (_HANGUL_V | _HANGUL_T) << TWIN,
    "LV": _ANY | _HANGUL_V | _HANGUL_L << TWIN,
    "LVT": _ANY | _HANGUL_T | _HANGUL_L << TWIN,
    "Regional_Indicator": _ANY | FLAG,
}

_ALONE = ("-", "Control", "CR", "LF")  # without any other character each of these is a cluster, but for CR LF

_FURTHER_WORD = {"a": ALPHANUMERIC, "w": WHITE, "p": PICTOGRAPH}
_FURTHER_GRAPHEME = {"p": PICTOGRAPH, "c": CONSONANT, "l": LINKER, "e": CONJUNCT_EXTEND}


@cache
def tables() -> tuple[Properties, Properties]:
    """Return the bits for words and the bits for grapheme clusters of every code point."""
    lines = TABLE.read_text(encoding="ascii").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    lengths = np.diff([*(int(first, 16) for first, _, _, _ in rows), 0x110000])
    words = [
        _WORD[word] | _bits(further, _FURTHER_WORD) | (0 if grapheme in _ALONE else CLUSTERED)
        for _, word, grapheme, further in rows
    ]
    graphemes = [_GRAPHEME[grapheme] | _bits(further, _FURTHER_GRAPHEME) for _, _, grapheme, further in rows]
    return np.repeat(np.array(words, np.uint32), lengths), np.repeat(np.array(graphemes, np.uint32), lengths)


def _bits(letters: str, named: dict[str, int]) -> int:
    return reduce(or_, (named.get(letter, 0) for letter in letters), 0)
