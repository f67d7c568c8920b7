"""A few real questions say what answers are like, and the interval says how few they were."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.errors import RequestRejected, TeacherUnavailable
from reflectgen.filters.chain import DEFAULT_FILTERS
from reflectgen.jobs.trial import Question, Trial, try_out
from reflectgen.llm.completion import Completion
from reflectgen.records import NO_NEIGHBOURS, Category, Chunk, Label, Verdict
from tests.jobs.worlds import good_reply, scripted_teacher

SAFE = Label(Verdict.SAFE, Category.NONE, 0.1)
TEXT = "The ferry left the harbour at seven, and the children waved from the pier."
GOOD = good_reply("a ferry leaves the harbour while children wave.")


def tried(lines, slots=4):
    teacher, model = scripted_teacher(lines)
    questions = [Question(Chunk("d", n, 0, len(TEXT), TEXT), SAFE, NO_NEIGHBOURS, 1000) for n in range(len(lines))]
    trial = asyncio.run(try_out(teacher, questions, DEFAULT_FILTERS, slots))
    assert len(model.requests) == len(lines)
    return trial


def answer(text, prompt_tokens=250, completion_tokens=50):
    return Completion(text, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)


def test_tokens_are_the_servers_own():
    trial = tried([answer(GOOD), answer(GOOD, completion_tokens=70), answer(GOOD, completion_tokens=60)])
    assert trial.completion_tokens.value == 60
    assert trial.completion_tokens.low < 50 < 70 < trial.completion_tokens.high
    assert trial.characters_per_token.value == 4


def test_an_answer_counts_as_accepted_where_the_filters_take_it():
    trial = tried([answer(GOOD), answer("no JSON"), answer(good_reply("")), RequestRejected("too long")])
    assert (trial.num_asked, trial.num_answered, trial.num_accepted) == (4, 3, 1)


def test_a_server_that_counts_no_tokens_says_nothing_of_them():
    trial = tried([answer(GOOD, 0, 0)] * 3)
    assert trial.completion_tokens is None
    assert trial.characters_per_token is None


def test_one_answer_leaves_a_wide_interval():
    tokens = tried([answer(GOOD)]).completion_tokens
    assert (tokens.low, tokens.value, tokens.high) == (25, 50, 100)


def test_a_trial_that_fills_the_slots_says_the_pace_and_one_that_does_not_says_between_what():
    full = tried([answer(GOOD)] * 6, slots=2).calls_per_second
    assert full.low == full.high == full.value > 0
    few = tried([answer(GOOD)] * 3, slots=64).calls_per_second
    assert few.low == few.value < few.high


def test_a_teacher_that_cannot_be_asked_ends_it():
    with pytest.raises(TeacherUnavailable):
        tried([TeacherUnavailable("away")])


@given(st.integers(1, 200), st.floats(0, 1), st.integers(1, 10))
def test_a_chunk_takes_from_one_question_to_all_attempts(num_asked, share, max_attempts):
    trial = Trial(num_asked, num_asked, round(share * num_asked), 1.0, None, None, None)
    calls = trial.calls_per_chunk(max_attempts)
    assert 1 <= calls.low <= calls.value + 1e-9 <= calls.high + 2e-9 <= max_attempts + 3e-9
