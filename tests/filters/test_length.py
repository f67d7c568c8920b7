import pytest

from reflectgen.filters.length import Length
from tests.filters.making import candidate


@pytest.mark.parametrize("rationale", ["", "fine.", "two words", "word " * 41, "\x00", "—"])
def test_too_few_and_too_many_words_are_rejected(rationale: str) -> None:
    assert Length().decide(candidate(rationale)).reason == "length"


@pytest.mark.parametrize("rationale", ["only three words", "word " * 40])
def test_the_bounds_themselves_are_accepted(rationale: str) -> None:
    assert Length().decide(candidate(rationale)).accepted


def test_two_chinese_characters_count_as_one_word() -> None:
    assert (
        Length()
        .decide(candidate("一段关于外婆和月亮的温馨回忆，讲述中秋节的家庭故事，没有任何有害的内容。" * 2))
        .accepted
    )
    assert Length().decide(candidate("安全文字")).reason == "length"


def test_the_detail_says_how_many_words_there_were() -> None:
    assert Length(min_words=5).decide(candidate("just these four words")).detail == "4 words, needs 5"
