from __future__ import annotations

import pytest

from reflectgen.corpus.cutting import VISIBLE_PER_UNIT, WINDOW, cut
from reflectgen.corpus.unicode_breaks import Breaks, Offsets
from tests.corpus.texts import LONG_TEXTS


class CountingUnits:
    """Words, and how many code points were looked at to find them."""

    def __init__(self) -> None:
        self.num_code_points = 0

    def __call__(self, text: str, breaks: Breaks) -> Offsets:
        self.num_code_points += len(text)
        return breaks.word_starts()


@pytest.mark.parametrize("text", LONG_TEXTS.values(), ids=LONG_TEXTS)
def test_a_long_text_is_looked_at_a_few_times_at_most(text: str) -> None:
    units = CountingUnits()
    ends = cut(text, 100, units)
    assert ends == sorted(set(ends))
    assert ends[-1] == len(text)
    assert units.num_code_points <= 4 * len(text)


def test_an_ordinary_long_text_is_looked_at_once() -> None:
    text = "A sentence of seven words stands here. " * 30_000
    units = CountingUnits()
    cut(text, 100, units)
    assert len(text) > 10 * WINDOW
    assert units.num_code_points <= 1.05 * len(text)


def test_a_text_is_cut_the_same_wherever_windows_begin() -> None:
    paragraph = "One sentence is here. Another one, somewhat longer, follows it.\n\n"
    long = cut(paragraph * 5_000, 100, lambda _, breaks: breaks.word_starts())
    short = cut(paragraph * 500, 100, lambda _, breaks: breaks.word_starts())
    assert long[: len(short) - 1] == short[:-1]


@pytest.mark.parametrize("filler", ["-", "=", "a", "\U0001f600", "A1b2"])
def test_a_chunk_without_enough_words_ends_at_a_number_of_visible_characters(filler: str) -> None:
    text = filler * 2_000
    ends = cut(text, 10, lambda _, breaks: breaks.word_starts())
    lengths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    assert max(lengths) <= 10 * VISIBLE_PER_UNIT
    assert min(lengths[:-1]) > 5 * VISIBLE_PER_UNIT
