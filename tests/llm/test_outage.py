import asyncio
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.errors import (
    RequestRejected,
    TeacherBusy,
    TeacherError,
    TeacherNotFound,
    TeacherUnauthorized,
    TeacherUnavailable,
)
from reflectgen.llm.completion import CompletionRequest
from reflectgen.llm.member import Member
from reflectgen.llm.outage import FAILURES_IN_A_ROW, FIRST_TRIES, REQUEST_TRIES, Breaker, Trouble, wait_after
from reflectgen.llm.pool import EndpointPool
from tests.llm.virtual_time import SlowModel, VirtualTime

DOWN = TeacherUnavailable("connection refused")


def request(seed: int) -> CompletionRequest:
    return CompletionRequest(({"role": "user", "content": "?"},), "m", seed, 0.0, 10)


class Bench:
    """A pool of one endpoint, a scripted one, in virtual time."""

    def __init__(self, script, *, seconds: float = 1.0, patience: float = 600.0) -> None:
        self.time = VirtualTime()
        self.model = SlowModel(script, self.time, seconds)
        self.patient = EndpointPool(
            [Member(self.model, 1_000)],
            patience_seconds=patience,
            clock=self.time.clock,
            sleep=self.time.sleep,
            rng=random.Random(1),
        )

    def ask(self, *seeds: int, workers: int = 1_000):
        """Ask for each seed, `workers` at a time; return text or exception a seed."""
        return self.time.run(self._ask(seeds, workers))

    async def _ask(self, seeds, workers):
        slots = asyncio.Semaphore(workers)

        async def one(seed):
            async with slots:
                return (await self.patient.complete(request(seed))).text

        return await asyncio.gather(*[one(seed) for seed in seeds], return_exceptions=True)

    @property
    def num_posts(self) -> int:
        return len(self.model.requests)


def kinds(results) -> set[type]:
    return {type(result) for result in results}


# Before the first answer


def test_dead_endpoint_ends_the_run_after_a_few_quick_tries():
    bench = Bench(lambda asked: DOWN, seconds=0.01)
    (error,) = bench.ask(1)
    assert type(error) is TeacherUnavailable
    assert bench.num_posts == FIRST_TRIES
    assert bench.time.now < 5


def test_flood_is_not_opened_on_a_dead_endpoint():
    bench = Bench(lambda asked: DOWN)
    assert kinds(bench.ask(*range(200))) == {TeacherUnavailable}
    assert bench.num_posts == FIRST_TRIES


def test_only_one_call_flies_until_the_first_answer():
    bench = Bench(lambda asked: "yes")
    seen = []

    async def go():
        first = asyncio.ensure_future(bench._ask(range(50), 50))
        await bench.time.sleep(0.5)
        seen.append(bench.model.in_flight)
        await first

    bench.time.run(go())
    assert seen == [1]
    assert bench.model.max_in_flight == 49


@pytest.mark.parametrize("error", [TeacherUnauthorized("401"), TeacherNotFound("404")])
def test_wrong_key_or_address_ends_the_run_at_once(error):
    bench = Bench(lambda asked: error)
    assert kinds(bench.ask(*range(20))) == {type(error)}
    assert bench.num_posts == 1


def test_endpoint_that_hangs_is_not_asked_again_before_the_first_answer():
    bench = Bench(lambda asked: TeacherUnavailable("no answer in 120 s"), seconds=120)
    assert kinds(bench.ask(1, 2)) == {TeacherUnavailable}
    assert bench.num_posts == 1


def test_endpoint_that_starts_slowly_is_waited_for():
    bench = Bench([DOWN, DOWN, "yes"])
    assert bench.ask(1) == ["yes"]


def test_endpoint_that_rejects_everything_ends_the_run_in_its_own_words():
    bench = Bench(lambda asked: RequestRejected("400: no such field"))
    first, second, *others = bench.ask(*range(8))
    assert kinds([first, second]) == {RequestRejected}
    assert kinds(others) == {TeacherError}
    assert "400: no such field" in str(others[0])
    assert bench.num_posts == 3


# After it


def test_single_failures_are_asked_again_without_a_pause_for_the_others():
    failed = set()

    def script(asked):
        if asked.seed % 50 == 7 and asked.seed not in failed:
            failed.add(asked.seed)
            return DOWN
        return "yes"

    bench = Bench(script, seconds=0.1)
    assert bench.ask(*range(500), workers=32) == ["yes"] * 500
    assert bench.num_posts == 510
    assert bench.patient.status.num_retries == 10


def test_outage_loses_nothing_and_wastes_little():
    bench = Bench(lambda asked: DOWN if 20 <= bench.time.now < 120 else "yes")
    assert bench.ask(*range(2_000), workers=32) == ["yes"] * 2_000
    knocks = 20  # every 10 s at the longest, closer together at first
    assert bench.num_posts <= 2_000 + 32 + knocks
    assert bench.patient.status.paused_seconds is None


def test_outage_longer_than_patience_ends_the_run_and_says_how_long_it_was():
    bench = Bench(lambda asked: DOWN if bench.time.now >= 20 else "yes", patience=300)
    results = bench.ask(*range(1_000), workers=16)
    errors = [error for error in results if isinstance(error, Exception)]
    assert errors
    assert kinds(errors) == {TeacherUnavailable}
    assert re.search(r"away for 30\d s \(last: connection refused\)", str(errors[0]))
    assert 320 <= bench.time.now < 330
    assert sum(text == "yes" for text in results) + len(errors) == 1_000


def test_outage_is_shown_while_it_lasts():
    bench = Bench(lambda asked: DOWN if 20 <= bench.time.now < 120 else "yes")

    async def go():
        work = asyncio.ensure_future(bench._ask(range(500), 8))
        await bench.time.sleep(60)
        shown = bench.patient.status
        await work
        return shown

    shown = bench.time.run(go())
    assert 30 < shown.paused_seconds < 40
    assert shown.last_error == "connection refused"
    assert bench.patient.status.last_error == ""


def test_poisonous_request_is_given_up_and_the_others_are_answered():
    bench = Bench(lambda asked: DOWN if asked.seed == 30 else "yes")
    results = bench.ask(*range(200), workers=8)
    assert type(results.pop(30)) is RequestRejected
    assert results == ["yes"] * 199
    assert sum(asked.seed == 30 for asked in bench.model.requests) == REQUEST_TRIES


def test_poisonous_request_is_told_from_an_outage_even_when_it_is_the_last():
    bench = Bench(lambda asked: DOWN if asked.seed == 9 else "yes")
    *answered, poisonous = bench.ask(*range(10), workers=1)
    assert answered == ["yes"] * 9
    assert type(poisonous) is RequestRejected
    assert bench.time.now < 60
    assert bench.ask(10) == ["yes"]


def test_several_poisonous_requests_at_once_do_not_end_the_run():
    bench = Bench(lambda asked: DOWN if asked.seed >= 90 else "yes")
    results = bench.ask(*range(100), workers=16)
    assert results[:90] == ["yes"] * 90
    assert kinds(results[90:]) == {RequestRejected}


def test_busy_server_does_not_use_up_a_requests_tries():
    busy_until = {5: 100.0, 6: 200.0}
    script = lambda asked: TeacherBusy("429") if bench.time.now < busy_until.get(asked.seed, 0) else "yes"  # noqa: E731
    bench = Bench(script)
    assert bench.ask(*range(400), workers=3) == ["yes"] * 400


def test_request_put_off_for_longer_than_patience_is_given_up():
    bench = Bench(lambda asked: TeacherBusy("429: too large for you") if asked.seed == 5 else "yes")
    results = bench.ask(*range(20), workers=3)
    assert type(results.pop(5)) is RequestRejected
    assert results == ["yes"] * 19


def test_busy_server_is_left_alone_for_as_long_as_it_asks():
    asked_at = []

    def script(asked):
        asked_at.append(bench.time.now)
        return TeacherBusy("429", retry_after_seconds=45) if len(asked_at) in (2, 3) else "yes"

    bench = Bench(script, seconds=0)
    assert bench.ask(1, 2, workers=1) == ["yes", "yes"]
    assert asked_at[2] - asked_at[1] >= 45
    assert asked_at[3] - asked_at[2] >= 45


@pytest.mark.parametrize("error", [TeacherUnauthorized("401"), TeacherNotFound("404")])
def test_wrong_key_or_address_ends_the_run_at_any_time(error):
    bench = Bench(lambda asked: error if bench.time.now >= 10 else "yes")
    results = bench.ask(*range(500), workers=8)
    assert kinds(results) == {str, type(error)}
    assert results.count("yes") + 8 >= bench.num_posts


def test_key_that_is_withdrawn_during_an_outage_ends_the_run():
    def script(asked):
        now = bench.time.now
        return "yes" if now < 10 else DOWN if now < 60 else TeacherUnauthorized("401")

    bench = Bench(script)
    assert kinds(bench.ask(*range(100), workers=8)) == {str, TeacherUnauthorized}


def test_rejected_request_concerns_no_other():
    bench = Bench(lambda asked: RequestRejected("400: too long") if asked.seed % 10 == 3 else "yes")
    results = bench.ask(*range(100), workers=8)
    assert [type(result) for result in results] == [RequestRejected if n % 10 == 3 else str for n in range(100)]
    assert bench.num_posts == 100


def test_another_caller_knocks_when_the_one_that_did_is_cancelled():
    bench = Bench(lambda asked: DOWN if 5 <= bench.time.now < 100 else "yes")

    async def go():
        await bench._ask(range(5), 1)
        calls = [asyncio.ensure_future(bench.patient.complete(request(seed))) for seed in range(10, 18)]
        await bench.time.sleep(30)
        for call in calls[:7]:
            call.cancel()
        return await calls[7]

    assert bench.time.run(go()).text == "yes"


def test_tokens_and_calls_are_counted():
    bench = Bench(["one two", DOWN, "three"])
    bench.ask(1, 2, workers=1)
    status = bench.patient.status
    assert (status.num_calls, status.num_answers, status.num_retries) == (3, 2, 1)
    assert (status.prompt_tokens, status.completion_tokens) == (2, 3)


@given(
    # Gaps are longer than the wait between two knocks: of a shorter one nobody would hear.
    outages=st.lists(st.tuples(st.floats(20, 100), st.floats(0.1, 500)), max_size=3),
    workers=st.integers(1, 40),
    busy=st.booleans(),
)
def test_no_outage_within_patience_loses_a_request(outages, workers, busy):
    periods, begin = [], 0.0
    for gap, length in outages:
        periods.append((begin + gap, begin + gap + length))
        begin += gap + length

    def script(asked):
        out = any(start <= bench.time.now < end for start, end in periods)
        return (TeacherBusy("503") if busy else DOWN) if out else "yes"

    bench = Bench(script)
    assert bench.ask(*range(100), workers=workers) == ["yes"] * 100
    seconds_out = sum(length for _, length in outages)
    assert bench.num_posts <= 100 + len(outages) * (workers + 10) + seconds_out / 5


# What an outage is


def fail(breaker, number, num_sent=None, num_under_way=9, error=None):
    error = error or TeacherUnavailable("connection refused")
    return breaker.note_failure(error, number, num_sent=num_sent or number, num_under_way=num_under_way)


def test_five_failures_in_a_row_are_an_outage():
    breaker = Breaker()
    assert [fail(breaker, number) for number in range(1, 6)] == [False] * (FAILURES_IN_A_ROW - 1) + [True]


def test_answer_to_a_later_question_ends_the_row_and_one_to_an_earlier_does_not():
    breaker = Breaker()
    for number in (10, 11, 12, 13):
        fail(breaker, number)
    assert not breaker.note_life(9)
    assert fail(breaker, 14)
    assert breaker.note_life(15)
    assert not fail(breaker, 16)


def test_quick_failures_among_many_slow_questions_are_no_outage():
    breaker = Breaker()
    assert not any(fail(breaker, number) for number in range(1, 1_000, 3))


def test_batch_that_fails_is_one_failure_while_others_are_under_way():
    breaker = Breaker()
    assert not any(fail(breaker, number, num_sent=64, num_under_way=64 - number, error=DOWN) for number in range(1, 33))
    assert fail(breaker, 64, num_sent=64, num_under_way=0, error=DOWN)


def test_failures_that_an_outage_explains_are_not_the_questions():
    members = [Member(SlowModel([], VirtualTime())) for _ in range(3)]
    trouble = Trouble()
    for _ in range(2):
        for member in members:
            trouble.note(member, DOWN)
    assert trouble.is_hopeless
    for member in members:
        member.num_failed_knocks += 1
    assert not trouble.is_hopeless
    for _ in range(3):
        trouble.note(members[0], DOWN)
    assert trouble.is_hopeless  # five at one, whatever the reason


def test_question_that_was_there_in_two_outages_is_suspect_and_one_that_only_failed_is_not():
    member, trouble = Member(SlowModel([], VirtualTime())), Trouble()
    trouble.note(member, DOWN)
    trouble.note(member, DOWN)
    assert not trouble.is_suspect
    member.num_failed_knocks += 1
    assert trouble.is_suspect


def test_busy_server_is_no_failure_of_the_question():
    trouble, member = Trouble(), Member(SlowModel([], VirtualTime()))
    for _ in range(100):
        trouble.note(member, TeacherBusy("429"))
    assert (trouble.is_suspect, trouble.is_hopeless) == (False, False)


@given(num_tries=st.integers(1, 2_000), asked=st.none() | st.floats(0, 1e6), patience=st.floats(0, 1e4))
def test_waits_grow_to_ten_seconds_or_to_what_the_server_asks_within_the_patience(num_tries, asked, patience):
    seconds = wait_after(num_tries, TeacherBusy("429", asked), patience, random.Random(1))
    assert min(asked or 0.0, patience) <= seconds <= max(10.0, min(asked or 0.0, patience))
