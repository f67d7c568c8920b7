import pytest
from hypothesis import given

from reflectgen.filters.boilerplate import RepeatedBoilerplate, boilerplate_key
from tests.filters.making import anything


def test_a_rationale_may_be_repeated_so_often_and_no_oftener() -> None:
    decisions = [RepeatedBoilerplate(3).decide(num_earlier) for num_earlier in range(5)]
    assert [decision.reason for decision in decisions] == [
        "",
        "",
        "",
        RepeatedBoilerplate.name,
        RepeatedBoilerplate.name,
    ]


def test_case_space_and_punctuation_do_not_make_another_rationale() -> None:
    assert boilerplate_key("A plain text, nothing more.") == boilerplate_key("a PLAIN\ttext -- nothing more")


@pytest.mark.parametrize("other", ["a plain text about boats", "", "!", "!!", "？"])
def test_other_words_or_signs_make_another_key(other: str) -> None:
    assert boilerplate_key(other) != boilerplate_key("a plain text")


@given(anything)
def test_a_key_is_sixteen_bytes_whatever_the_text(text: str) -> None:
    assert len(boilerplate_key(text)) == 16
    assert boilerplate_key(text) == boilerplate_key(text)
