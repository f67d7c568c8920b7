"""Words as rationales and filters compare them: Unicode words of any script, without case.

The pieces are those of UAX 29 or finer (an apostrophe or an underscore separates here), so a run of words that a
coarser splitter finds is a run here too. Where a script writes no spaces, every base character is a piece.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache

# Chinese characters and kana take about two to a word; Thai, Lao, Tibetan, Burmese and Khmer letters about four.
_IDEOGRAPHS = "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED_LETTERS = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"
_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")
_UNSPACED_LETTER = re.compile(f"[{_UNSPACED_LETTERS}]")

# `\w` leaves out combining marks, without which words of Hindi, Hebrew or decomposed Latin would fall apart.
MARKS = "".join(chr(code) for code in range(0x0300, 0xFE30) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
_UNSPACED = re.compile(f"[{_IDEOGRAPHS}{_UNSPACED_LETTERS}][{MARKS}]*")
_WORD = re.compile(rf"[\w{MARKS}]+")
# Most texts that are not ASCII are so for a quotation mark; the classes above are large, and slow.
_BEYOND_LATIN = re.compile("[\u0300-\u036f\u0483-\u1fff\u20d0-\u20ff\u2cef-\u2cf1\u2de0-\u2dff\u2e80-\U0010ffff]")
_PLAIN_WORD = re.compile(r"[^\W_]+")
# Punctuation beyond ASCII that separates words in any form; a text that has no more than these beyond ASCII is quick.
_TYPOGRAPHY = ("\u2019", "\u201c", "\u201d", "\u2014", "\u2013", "\u2018", "\u2026", "\u00a0")
_ASCII_LETTERS_OR_SPACES = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))


def split_words(text: str) -> list[str]:
    """Return the words of `text` in order, in compatibility form and case-folded; symbols and spaces are dropped."""
    plain = text if text.isascii() else _without_typography(text)
    if plain.isascii():
        return plain.lower().encode().translate(_ASCII_LETTERS_OR_SPACES).decode().split()
    folded = unicodedata.normalize("NFKC", text).casefold().replace("_", " ")
    if not _BEYOND_LATIN.search(folded):
        return _PLAIN_WORD.findall(folded)
    return _WORD.findall(_UNSPACED.sub(r" \g<0> ", folded))


def _without_typography(text: str) -> str:
    for mark in _TYPOGRAPHY:
        text = text.replace(mark, " ")
    return text


@lru_cache(maxsize=8)
def words_of(text: str) -> tuple[Sequence[str], str]:
    """Return the words of `text`, and the same joined; teacher and filters look at one text within a moment."""
    words = split_words(text)
    return words, join_words(words)


def count_words(words: Sequence[str]) -> float:
    """Count split words so that scripts compare: characters of scripts without spaces weigh a half or a quarter."""
    return sum(_weight(word) for word in words) if not all(map(str.isascii, words)) else len(words)


def join_words(words: Sequence[str]) -> str:
    """Return one string in which `find_run` can look words up."""
    return f" {' '.join(words)} "


def contains_words(joined: str, words: Sequence[str]) -> bool:
    """Say whether `words` stand in `joined` (from `join_words`) one after another."""
    return join_words(words) in joined


def find_shared_run(words: Sequence[str], joined: str, max_words: float) -> Sequence[str]:
    """Return the first run of more than `max_words` (as `count_words` counts) that also stands in `joined`, or ()."""
    length = int(max_words) + 1  # a run has at least so many words, since none weighs more than 1
    pivots = [pivot for pivot in range(length - 1, len(words), length) if _may_be_shared(words, pivot, length, joined)]
    if not pivots:
        return ()
    if all(map(str.isascii, words)):  # each weighs 1: no need to look closer
        starts = (start for pivot in pivots for start in range(pivot - length + 1, pivot + 1))
        runs = (words[start : start + length] for start in starts if start + length <= len(words))
        return next((run for run in runs if contains_words(joined, run)), ())
    weights = [_weight(word) for word in words]
    end, weight = 0, 0.0
    for start in range(len(words)):
        while weight <= max_words and end < len(words):
            weight += weights[end]
            end += 1
        if weight <= max_words:
            return ()
        if contains_words(joined, words[start:end]):
            return words[start:end]
        weight -= weights[start]
    return ()


def _may_be_shared(words: Sequence[str], pivot: int, length: int, joined: str) -> bool:
    """Say whether a run of `length` words around `pivot` may stand in `joined`: it must, with up to two neighbours.

    Every run covers exactly one of the positions `length` apart, and most fail at this first look.
    """
    if f" {words[pivot]} " not in joined:
        return False
    size = min(length, 3)
    starts = range(max(0, pivot - size + 1), min(pivot, len(words) - size) + 1)
    return any(f" {' '.join(words[start : start + size])} " in joined for start in starts)


@cache
def _weight_of_character(character: str) -> float:
    if _IDEOGRAPH.match(character):
        return 0.5
    return 0.25 if _UNSPACED_LETTER.match(character) else 1.0


def _weight(word: str) -> float:
    return 1.0 if word.isascii() else _weight_of_character(word[0])
