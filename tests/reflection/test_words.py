import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.reflection.words import count_words, find_shared_run, join_words, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't panic, snake_case 3.14!", ["don", "t", "panic", "snake", "case", "3", "14"]),
        ("Straße ÉTÉ", ["strasse", "été"]),
        ("外婆的月亮", ["外", "婆", "的", "月", "亮"]),
        ("पहली बारिश", ["पहली", "बारिश"]),
        ("ｆｕｌｌ ﬁne", ["full", "fine"]),
        ("\x00 … — 🙂", []),
    ],
)
def test_words_of_any_script_are_split_alike(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_characters_of_scripts_without_spaces_weigh_less_than_words() -> None:
    assert count_words(split_words("moon 月亮")) == 2.0
    assert count_words(split_words("พระจันทร์")) < 3


@given(st.text())
def test_ascii_and_unicode_roads_agree(text: str) -> None:
    ascii_only = text.encode("ascii", "ignore").decode()
    assert split_words(ascii_only) == split_words(ascii_only + " é")[:-1]


@given(st.lists(st.sampled_from("ab月"), max_size=12), st.lists(st.sampled_from("ab月"), max_size=12))
def test_a_shared_run_weighs_too_much_and_stands_in_both(words: list[str], other: list[str]) -> None:
    run = list(find_shared_run(words, join_words(other), 2))
    if run:
        assert count_words(run) > 2
        assert join_words(run) in join_words(words)
        assert join_words(run) in join_words(other)
