from hypothesis import given
from hypothesis import strategies as st

from reflectgen.filters.copies_chunk import CopiesChunk
from tests.filters.making import candidate, unparsed

CHUNK = "One two three four five six seven eight nine ten, said the clock; nobody was listening to it."


def test_a_run_longer_than_allowed_is_a_copy() -> None:
    decision = CopiesChunk().decide(candidate("It says one two three four five six seven eight nine.", chunk=CHUNK))
    assert decision.reason == "copies_chunk"


def test_a_run_of_the_allowed_length_is_not() -> None:
    assert CopiesChunk().decide(candidate("Counts one two three four five six seven eight only.", chunk=CHUNK)).accepted


def test_case_and_punctuation_hide_no_copy() -> None:
    rationale = "TWO, three... FOUR-five six/seven 'eight' nine TEN!"
    assert not CopiesChunk().decide(candidate(rationale, chunk=CHUNK)).accepted


def test_a_run_must_begin_and_end_with_whole_words() -> None:
    assert CopiesChunk(2).decide(candidate("red fish eater", chunk="tired fish eaters")).accepted


def test_in_chinese_two_characters_weigh_as_a_word() -> None:
    chunk = "小时候，每年中秋节我都回外婆家。外婆住在河边的一个小村子里，院子里有一棵桂花树。"
    assert CopiesChunk().decide(candidate("讲述每年中秋节回外婆家的故事。", chunk=chunk)).accepted
    assert not CopiesChunk().decide(candidate("外婆住在河边的一个小村子里，院子里有一棵桂花树。", chunk=chunk)).accepted


def test_an_unparsed_reply_is_left_to_the_filter_for_it() -> None:
    assert CopiesChunk().decide(unparsed(CHUNK, chunk=CHUNK)).accepted


@given(st.lists(st.sampled_from("abcdef"), max_size=30), st.lists(st.sampled_from("abcdef"), max_size=30))
def test_a_copy_is_exactly_a_shared_run_that_is_too_long(rationale: list[str], chunk: list[str]) -> None:
    limit = 3
    runs = [rationale[start : start + limit + 1] for start in range(len(rationale) - limit)]
    shared = any(chunk[at : at + limit + 1] == run for run in runs for at in range(len(chunk) - limit))
    decision = CopiesChunk(limit).decide(candidate(" ".join(rationale), chunk=" ".join(chunk)))
    assert decision.accepted == (not shared)
