from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.corpus.unicode_breaks import Breaks
from tests.corpus.texts import texts

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1e9\U0001f1ea"
KSHA = "\u0915\u094d\u0937"  # a Devanagari conjunct

# In ASCII the annex's word rules fit into one expression.
ASCII_WORD = re.compile(
    r"(?:[A-Za-z0-9_]|(?<=[A-Za-z])[.':](?=[A-Za-z])|(?<=[0-9])[.,';](?=[0-9]))*[A-Za-z0-9]"
    r"(?:[A-Za-z0-9_]|(?<=[A-Za-z])[.':](?=[A-Za-z])|(?<=[0-9])[.,';](?=[0-9]))*"
)


def clusters(text: str) -> list[str]:
    offsets = [*np.flatnonzero(Breaks(text).graphemes), len(text)]
    return [text[start:end] for start, end in pairwise(offsets)]


def words(text: str) -> list[str]:
    breaks = Breaks(text)
    ends = [*np.flatnonzero(breaks.words), len(text)]
    return [text[start : min(end for end in ends if end > start)] for start in breaks.word_starts()]


@pytest.mark.parametrize(
    "expected",
    [
        ["a", "b"],
        ["e\u0301", "x"],
        ["\r\n", "\n", "\r"],
        ["\n", "\u0301"],
        [FAMILY, FAMILY],
        ["\U0001f44d\U0001f3fd", "\U0001f44d"],
        [FLAG, FLAG, "\U0001f1eb"],
        ["1\ufe0f\u20e3", "2"],
        ["한", "\u1112\u1161\u11ab", "\uac00\u11a8"],
        [KSHA, "\u0937"],
        ["\u0e01\u0e33", "\u0e01"],
        ["\u0600a", "b"],
        ["\0", "\0"],
        [" \u0308", "a"],
        ["\U0001f468\u200d", "a"],
    ],
    ids=ascii,
)
def test_grapheme_clusters_are_those_of_the_annex(expected: list[str]) -> None:
    assert clusters("".join(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The quick (“brown”) fox can’t jump 32.3 feet, right?", "The quick brown fox can’t jump 32.3 feet right"),
        ("U.S. 1,000,000 e-mail a.b.c x:y", "U.S 1,000,000 e mail a.b.c x:y"),
        ("snake_case _private __ 3d", "snake_case _private 3d"),
        ("--- *** ||| ...", ""),
        ("中文字", "中 文 字"),
        ("カタカナ ひらがな", "カタカナ ひ ら が な"),
        ("한국어 낱말", "한국어 낱말"),
        ("\u0915\u094d\u0937 naïve re\u0301sume\u0301", "\u0915\u094d\u0937 naïve re\u0301sume\u0301"),
        ("צה\"ל ג'", "צה\"ל ג'"),
        (f"{FLAG} {FAMILY} 1\ufe0f\u20e3", "1\ufe0f\u20e3"),
        ("soft\u00adhyphen", "soft\u00adhyphen"),
    ],
    ids=ascii,
)
def test_words_are_those_of_the_annex_with_a_letter_or_number(text: str, expected: str) -> None:
    assert words(text) == expected.split()


@given(st.text(st.sampled_from("aZ09_.,:;'\" \n\r-"), max_size=60))
def test_words_in_ascii_are_those_of_one_expression(text: str) -> None:
    assert words(text) == ASCII_WORD.findall(text)


@given(texts)
def test_a_word_never_begins_inside_a_cluster(text: str) -> None:
    breaks = Breaks(text)
    assert not (breaks.words & ~breaks.graphemes).any()
    assert breaks.words[breaks.word_starts()].all()


@given(texts, texts)
def test_what_follows_a_word_break_has_the_same_words_alone(before: str, after: str) -> None:
    breaks = Breaks(before + after)
    if after and breaks.words[len(before)]:
        starts = breaks.word_starts()
        alone = Breaks(after).word_starts() + len(before)
        assert starts[starts >= len(before)].tolist() == alone.tolist()
