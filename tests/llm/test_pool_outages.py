import asyncio

import pytest

from reflectgen.errors import (
    TeacherBusy,
    TeacherGone,
    TeacherNotFound,
    TeacherUnauthorized,
    TeacherUnavailable,
)
from reflectgen.llm.completion import Completion
from reflectgen.llm.outage import FIRST_TRIES
from reflectgen.llm.status import State
from tests.llm.pool_bench import DOWN, Bench, Node, always, away, kinds, yes

# One of several away


def test_endpoint_that_dies_is_left_alone_and_rejoins_by_itself():
    bench = Bench(yes, away(20, 120))
    assert bench.ask(*range(2_000)) == ["yes"] * 2_000
    asked = bench.nodes[1].asked_at
    num_while_away = sum(20 <= at < 120 for at in asked)
    assert num_while_away <= 8 + 15  # those in flight, and knocks
    assert sum(at >= 130 for at in asked) > 50
    assert sum(bench.num_calls) == 2_000 + num_while_away + 1  # the knock that was answered
    assert bench.states == [State.READY, State.READY]


def test_questions_of_an_endpoint_that_dies_do_not_wait_for_it():
    bench = Bench(yes, away(20, 10_000))
    assert bench.ask(*range(800)) == ["yes"] * 800
    assert bench.time.now < 20 + 800 / 8
    assert bench.pool.status.paused_seconds is None


def test_endpoint_at_rest_is_shown_with_its_reason():
    bench = Bench(yes, away(20, 10_000))
    shown = []

    async def go():
        work = asyncio.ensure_future(bench.asking(range(800)))
        await bench.time.sleep(40)
        shown.append(bench.pool.status)
        await work

    bench.time.run(go())
    ready, resting = shown[0].endpoints
    assert (ready.state, ready.reason, ready.num_outstanding, ready.limit) == (State.READY, "", 8, 8)
    assert (resting.state, resting.reason) == (State.RESTING, "connection refused")
    assert resting.num_outstanding <= 1  # a knock
    assert shown[0].num_waiting > 0


def test_endpoint_that_never_answered_is_skipped_and_joins_when_it_comes_up():
    bench = Bench(yes, away(0, 200))
    assert bench.ask(*range(4_000)) == ["yes"] * 4_000
    asked = bench.nodes[1].asked_at
    assert sum(at < 200 for at in asked) <= 30  # every ten seconds at the longest, closer together at first
    assert sum(at > 210 for at in asked) > 100


def test_endpoint_that_hangs_from_the_start_keeps_one_question_and_no_more():
    bench = Bench(yes, always(TeacherUnavailable("no answer in 120 s")), failure_seconds=120.0)
    assert bench.ask(*range(500)) == ["yes"] * 500
    assert bench.nodes[1].max_in_flight == 1
    assert bench.num_calls[1] <= 2


@pytest.mark.parametrize("error", [TeacherUnauthorized("401"), TeacherNotFound("404")])
def test_endpoint_with_a_wrong_key_or_model_is_out_while_another_is_usable(error):
    bench = Bench(yes, always(error))
    assert bench.ask(*range(100)) == ["yes"] * 100
    assert bench.num_calls[1] == 1
    assert bench.pool.status.endpoints[1].state is State.OUT
    assert bench.pool.status.endpoints[1].reason == str(error)


def test_last_usable_endpoint_with_a_wrong_key_ends_the_run():
    unauthorized = away(30, 10_000, TeacherUnauthorized("401"))
    bench = Bench(unauthorized, always(TeacherNotFound("404")), always(DOWN))
    results = bench.ask(*range(1_000))
    assert kinds(results) == {str, TeacherUnauthorized}
    assert bench.time.now < 40


def test_endpoint_with_a_wrong_key_does_not_end_a_run_that_waits_for_another():
    bench = Bench(away(10, 100), away(10, 10_000, TeacherUnauthorized("401")))
    assert bench.ask(*range(500)) == ["yes"] * 500


def seen(bench):
    """Let the bench's servers be ones that said what they serve, and have answered no question yet."""
    for member in bench.members:
        member.was_seen = True
    return bench


def test_server_that_was_seen_and_dies_before_its_first_answer_is_waited_for():
    bench = seen(Bench(away(0, 120, TeacherGone("connection refused")), seconds=1.0))
    assert bench.ask(*range(200)) == ["yes"] * 200
    assert sum(at < 120 for at in bench.nodes[0].asked_at) <= 40
    assert bench.pool.status.paused_seconds is None


def test_server_that_was_seen_and_is_busy_before_its_first_answer_is_waited_for():
    bench = seen(Bench(away(0, 25, TeacherBusy("answered 503")), seconds=0.02))
    assert bench.ask(*range(200)) == ["yes"] * 200
    assert sum(at < 25 for at in bench.nodes[0].asked_at) <= 40


def test_server_that_was_seen_and_never_comes_back_ends_the_run_after_the_patience():
    bench = seen(Bench(always(TeacherGone("connection refused")), patience=60))
    assert kinds(bench.ask(*range(20))) == {TeacherUnavailable}
    assert 60 <= bench.time.now < 80


def test_server_that_was_seen_and_fails_every_question_is_no_outage():
    bench = seen(Bench(always(DOWN)))
    assert kinds(bench.ask(*range(20))) == {TeacherUnavailable}
    assert bench.time.now < 30


def test_endpoints_that_are_all_away_from_the_start_end_the_run_soon_and_are_all_named():
    bench = Bench(always(DOWN), always(TeacherUnavailable("no route to host")), seconds=0.01)
    results = bench.ask(*range(50))
    assert kinds(results) == {TeacherUnavailable}
    assert "connection refused" in str(results[0])
    assert "no route to host" in str(results[0])
    assert bench.num_calls == [FIRST_TRIES, FIRST_TRIES]
    assert bench.time.now < 5


# All away


def test_outage_of_all_loses_nothing_and_wastes_little():
    bench = Bench(away(20, 120), away(22, 118))
    assert bench.ask(*range(2_000)) == ["yes"] * 2_000
    assert sum(bench.num_calls) <= 2_000 + 16 + 2 * 20
    assert bench.pool.status.paused_seconds is None


def test_nothing_new_is_asked_in_an_outage_until_a_knock_is_answered():
    bench = Bench(away(20, 45), concurrency=64, seconds=0.5)
    assert bench.ask(*range(4_000), workers=64) == ["yes"] * 4_000
    asked = zip(bench.nodes[0].asked_at, bench.nodes[0].requests, strict=True)
    later = [one.seed for at, one in asked if 21 <= at < 45]
    assert len(set(later)) == 1  # the same answered question again and again
    assert len(later) <= 8
    assert bench.num_calls[0] - 4_000 <= 64 + 8 + 1  # those in flight, knocks, and the knock that was answered


def test_endpoint_that_refuses_at_once_while_earlier_calls_are_still_answered_gets_few_more():
    bench = Bench(away(62, 90, TeacherUnavailable("500")), concurrency=64, seconds=5.0, failure_seconds=0.001)
    bench.nodes[0].jitter = 0.5
    assert bench.ask(*range(3_000)) == ["yes"] * 3_000
    assert sum(62 <= at < 90 for at in bench.nodes[0].asked_at) <= 10 + 10  # until it is sure, and knocks


def test_batches_that_fail_now_and_then_are_no_outage():
    """Sixteen questions share a call, and its error."""
    error_of = {}

    def says(seed, now):
        batch = seed // 16
        if batch % 5 == 2 and seed not in error_of:
            error_of[seed] = error_of.get(("batch", batch)) or TeacherUnavailable("500")
            error_of["batch", batch] = error_of[seed]
            return error_of[seed]
        return "yes"

    class Batched(Node):
        async def complete(self, asked):
            line = self._script(asked)
            await self._time.sleep(1.0 + (asked.seed // 16 % 4) * 0.25)
            if isinstance(line, Exception):
                raise line
            return Completion(line)

    bench = Bench()
    bench.nodes = [Batched("http://h/v1", says, bench.time)]
    bench.build(concurrency=64)
    assert bench.ask(*range(1_280)) == ["yes"] * 1_280
    assert bench.pool.status.num_retries == 16 * 16  # and no knock


def test_outage_longer_than_patience_ends_every_question_once():
    bench = Bench(away(20, 10_000), away(20, 10_000), patience=300)
    results = bench.ask(*range(1_000))
    assert kinds(results) == {str, TeacherUnavailable}
    error = next(result for result in results if not isinstance(result, str))
    assert "http://h0/v1, http://h1/v1 have all been away for 300 s (last: connection refused)" in str(error)
    assert bench.time.now < 330
    assert kinds(bench.ask(1)) == {TeacherUnavailable}


def test_pause_is_counted_from_when_the_last_endpoint_went():
    bench = Bench(away(20, 200), away(60, 200), patience=160)
    shown = []

    async def go():
        work = asyncio.ensure_future(bench.asking(range(2_000), 16))
        for moment in (50, 50):
            await bench.time.sleep(moment)
            shown.append(bench.pool.status.paused_seconds)
        return await work

    assert kinds(bench.time.run(go())) == {str}
    assert shown[0] is None
    assert 35 < shown[1] < 40


def test_outage_of_many_idle_endpoints_at_once_costs_no_question_its_tries():
    bench = Bench(*[away(50, 100)] * 7)
    assert bench.ask(*range(100), workers=1) == ["yes"] * 100
