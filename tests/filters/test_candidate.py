from tests.filters.making import candidate, unparsed


def test_words_are_split_once_and_shared() -> None:
    given = candidate()
    assert given.chunk_words is given.chunk_words
    assert given.rationale_words == ["a", "remark", "about", "a", "late", "ferry"]


def test_an_unparsed_reply_has_no_rationale_words() -> None:
    assert unparsed("no JSON here").rationale_words == ()
