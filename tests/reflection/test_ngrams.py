import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.reflection.ngrams import (
    CHAR3,
    CHAR4,
    CHAR5,
    CLASS,
    CLASS_PAIR,
    character_weights,
    class_table,
    hash_words,
    ngrams,
    tokenize,
)

BITS = 20
CLASSES = class_table([["cats", "dogs"], ["sleep", "bark"]])


def folded_tokens(text: str) -> list[str]:
    tokens = tokenize([text])
    spans = zip(tokens.start.tolist(), tokens.end.tolist(), strict=True)
    return ["".join(map(chr, tokens.folded[start:end].tolist())) for start, end in spans]


def ngrams_of(texts: list[str], chosen: int) -> list[list[tuple[int, int, int]]]:
    """(kind, token within the text, bucket) of every n-gram of one text of a batch, by kind."""
    tokens = tokenize(texts)
    first = int(np.searchsorted(tokens.text, chosen))
    found = []
    for kind, token, bucket in ngrams(tokens, CLASSES, BITS):
        own = tokens.text[token] == chosen
        found.append([(kind, int(t) - first, int(b)) for t, b in zip(token[own], bucket[own], strict=True)])
    return found


def test_case_accents_and_compatibility_forms_are_folded() -> None:
    assert folded_tokens("ÉCOLE Ｆｕｌｌ ĳs") == ["ecole", "full", "is"]


def test_digits_in_words_are_read_as_letters_and_numbers_stay() -> None:
    assert folded_tokens("l0ud m1ce $ 25 b@t") == ["loud", "mice", "25", "bat"]


def test_apostrophes_inside_words_vanish_and_marks_are_tokens() -> None:
    assert folded_tokens('don\'t "shout"!') == ["dont", '"', "shout", '"', "!"]


def test_a_letter_repeated_more_than_twice_counts_twice() -> None:
    assert folded_tokens("sooooo") == folded_tokens("soo")


def test_invisible_characters_do_not_split_a_word() -> None:
    assert folded_tokens("un\u200bse\u0301en") == ["unseen"]


def test_a_span_is_the_word_as_it_stands_in_its_text() -> None:
    texts = ["", "Naïve cats", "so LOUDDDD, d'accord?"]
    tokens = tokenize(texts)
    found = [texts[tokens.text[token]][slice(*tokens.span(token))] for token in range(len(tokens))]
    assert found == ["Naïve", "cats", "so", "LOUDDDD", "d'accord", "?"]


def test_equal_words_have_equal_hashes_and_others_differ() -> None:
    cats, dogs, again = hash_words(tokenize(["cats dogs Cats"])).tolist()
    assert cats == again != dogs


def test_words_of_a_class_pair_up_across_other_words() -> None:
    far, near = ngrams_of(["cats often sleep", "dogs bark"], 0), ngrams_of(["cats often sleep", "dogs bark"], 1)
    assert [bucket for _, _, bucket in far[CLASS]] == [bucket for _, _, bucket in near[CLASS]]
    assert [bucket for _, _, bucket in far[CLASS_PAIR]] == [bucket for _, _, bucket in near[CLASS_PAIR]]


@given(st.lists(st.text(), max_size=4), st.text(), st.lists(st.text(), max_size=4))
def test_the_ngrams_of_a_text_do_not_depend_on_its_neighbours(before: list[str], text: str, after: list[str]) -> None:
    assert ngrams_of([*before, text, *after], len(before)) == ngrams_of([text], 0)


@given(st.lists(st.text(), max_size=5))
def test_every_span_lies_in_its_text_and_spans_do_not_overlap(texts: list[str]) -> None:
    tokens = tokenize(texts)
    behind = dict.fromkeys(range(len(texts)), 0)
    for token in range(len(tokens)):
        start, end = tokens.span(token)
        text = int(tokens.text[token])
        assert behind[text] <= start < end <= len(texts[text])
        behind[text] = end


@given(st.lists(st.text(max_size=200), max_size=6))
def test_weights_of_characters_are_the_sum_over_the_ngrams_that_end_in_a_token(texts: list[str]) -> None:
    tokens, bits = tokenize(texts), 12
    weights = np.arange(1 << bits, dtype=np.int16) - 1500
    expected = np.zeros(len(tokens), dtype=np.int64)
    for kind, token, bucket in ngrams(tokens, class_table([]), bits):
        if kind in (CHAR3, CHAR4, CHAR5):
            np.add.at(expected, token, weights[bucket])
    assert character_weights(tokens, weights, bits).tolist() == expected.tolist()
