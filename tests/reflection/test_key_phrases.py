import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.reflection.key_phrases import (
    chinese_phrases,
    english_phrases,
    japanese_phrases,
    plain_phrases,
)
from reflectgen.reflection.stop_words import STOP_WORDS
from reflectgen.reflection.tokens import tokenise

LEAVES = (
    "Every green leaf is a tiny kitchen. The leaf takes in water and light, and with the light the leaf makes sugar. "
    "The sugar feeds the whole tree."
)


def _english(text: str) -> list[str]:
    return [phrase.with_article for phrase in english_phrases(tokenise(text))]


def test_the_heaviest_phrases_are_what_the_text_is_about() -> None:
    phrases = _english(LEAVES)
    assert {"the sugar", "the light"} <= set(phrases)
    assert any("leaf" in phrase for phrase in phrases[:2])


def test_verbs_and_stop_words_are_no_phrases() -> None:
    words = {word for phrase in english_phrases(tokenise(LEAVES)) for word in phrase.text.split(" ")}
    assert not words & {"takes", "makes", "feeds", "with", "every", "is"}


def test_possessives_become_the_article_they_need() -> None:
    assert "the umbrella" in _english("She closed her umbrella and waited.")


def test_a_capital_at_the_start_of_a_sentence_is_no_name() -> None:
    assert "umbrellas" in _english("Umbrellas are lost on trains.")


def test_a_verb_after_a_singular_article_is_cut_off() -> None:
    assert "a bell" in _english("What happens when a bell cracks?")


@pytest.mark.parametrize("word", ["shit", "bitches", "unsafe", "think"])
def test_coarse_words_and_our_own_are_never_repeated(word: str) -> None:
    assert _english(f"The {word} on the table and the {word} again") == ["the table"]


def test_nouns_of_german_and_words_after_articles_in_french_come_first() -> None:
    german = "Oben stand eine Hütte, und in der Hütte wohnte eine alte Frau mit drei Ziegen."
    assert [phrase.text for phrase in plain_phrases(tokenise(german), "German")][:1] == ["Hütte"]
    french = "Le matin, la boulangère ouvre la porte et regarde longtemps passer les nuages."
    words = [phrase.text for phrase in plain_phrases(tokenise(french), "French")]
    assert words.index("nuages") < words.index("longtemps")


def test_pairs_that_recur_name_the_subject_in_chinese() -> None:
    text = "外婆把月饼拿出来，我们看月亮。外婆说月亮怕冷，外婆笑了。"
    assert {phrase.text for phrase in chinese_phrases(text)} == {"外婆", "月亮"}


def test_compounds_name_the_subject_in_japanese() -> None:
    assert "電車" in {phrase.text for phrase in japanese_phrases("電車は来ません。電車を待つ人は海を見ます。")}


@given(st.text())
def test_phrases_stand_in_the_text_and_share_no_word(text: str) -> None:
    tokens = tokenise(text)
    phrases = english_phrases(tokens)
    words = [word.lower() for phrase in phrases for word in phrase.text.split(" ")]
    assert len(words) == len(set(words))
    assert all(word in tokens.lowered for word in words)
    assert all(word not in STOP_WORDS["English"] and word.isalpha() for word in words)
    assert all(1 <= len(phrase.text.split(" ")) <= 3 for phrase in phrases)
    assert [phrase.position for phrase in phrases] == [
        position for position in (phrase.position for phrase in phrases) if 0 <= position < len(tokens.written)
    ]
