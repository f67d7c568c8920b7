import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflectgen.errors import (
    RequestRejected,
    TeacherBusy,
    TeacherError,
    TeacherUnauthorized,
    TeacherUnavailable,
)
from reflectgen.llm.completion import Completion
from reflectgen.llm.load import ServerLoad
from reflectgen.llm.outage import REQUEST_TRIES
from tests.llm.pool_bench import DOWN, Bench, Loaded, always, away, kinds, request, yes

# Sharing


def test_endpoints_share_the_load_by_their_limits():
    bench = Bench(yes, yes, concurrency=(24, 8))
    assert bench.ask(*range(640)) == ["yes"] * 640
    assert [node.max_in_flight for node in bench.nodes] == [24, 8]
    assert bench.num_calls[0] == pytest.approx(480, abs=20)


def test_few_questions_are_spread_over_all():
    bench = Bench(yes, yes, yes)
    bench.ask(*range(30), workers=1)
    assert bench.num_calls == [10, 10, 10]


def test_slow_endpoint_gets_less():
    bench = Bench(yes, yes, seconds=(1.0, 4.0))
    assert bench.ask(*range(500)) == ["yes"] * 500
    fast, slow = bench.num_calls
    assert fast == pytest.approx(4 * slow, rel=0.2)


def test_answer_says_who_gave_it():
    bench = Bench(yes, yes)

    async def go():
        return await asyncio.gather(*[bench.pool.complete(request(seed)) for seed in range(4)])

    assert {answer.endpoint for answer in bench.time.run(go())} == {"http://h0/v1", "http://h1/v1"}


def test_endpoint_gets_one_question_until_it_has_answered_one():
    bench = Bench(yes, yes, seconds=(1.0, 100.0))
    bench.ask(*range(100))
    assert bench.nodes[1].max_in_flight == 1


# One question


def test_poisonous_question_is_given_up_after_five_tries_wherever_they_were():
    poison = lambda seed, now: DOWN if seed == 30 else "yes"  # noqa: E731
    bench = Bench(poison, poison)
    results = bench.ask(*range(200), workers=8)
    assert type(results.pop(30)) is RequestRejected
    assert results == ["yes"] * 199
    assert sum(one.seed == 30 for node in bench.nodes for one in node.requests) == REQUEST_TRIES


@pytest.mark.parametrize("num_endpoints", [1, 2, 3])
def test_poisonous_question_alone_is_told_from_an_outage(num_endpoints):
    poison = lambda seed, now: DOWN if seed == 9 else "yes"  # noqa: E731
    bench = Bench(*[poison] * num_endpoints)
    *answered, poisonous = bench.ask(*range(10), workers=1)
    assert answered == ["yes"] * 9
    assert type(poisonous) is RequestRejected
    assert bench.time.now < 60


def test_question_that_kills_its_server_each_time_is_given_up_and_no_other_with_it():
    back_at = [0.0]

    def fragile(seed, now):
        if now < back_at[0]:
            return DOWN
        if seed == 30:
            back_at[0] = now + 60
            return DOWN
        return "yes"

    bench = Bench(fragile)
    results = bench.ask(*range(300))
    assert type(results.pop(30)) is RequestRejected
    assert results == ["yes"] * 299
    assert sum(one.seed == 30 for one in bench.nodes[0].requests) == REQUEST_TRIES


def test_many_questions_that_time_out_by_themselves_do_not_wait_for_each_other():
    hangs = lambda seed, now: TeacherUnavailable("no answer in 120 s") if seed % 20 == 5 else "yes"  # noqa: E731
    bench = Bench(hangs, concurrency=64, failure_seconds=120.0)
    results = bench.ask(*range(2_000), workers=200)
    assert [type(result) for result in results] == [RequestRejected if n % 20 == 5 else str for n in range(2_000)]
    assert bench.time.now < 6_000  # a hundred, five times two minutes each, one after the other: sixty thousand


def test_rejected_question_is_asked_of_one_other_endpoint():
    strict = lambda seed, now: RequestRejected("400: too long") if seed % 10 == 0 else "yes"  # noqa: E731
    bench = Bench(yes, strict, yes)
    assert bench.ask(*range(200)) == ["yes"] * 200
    bench = Bench(strict, strict, strict)
    results = bench.ask(*range(200), workers=8)
    assert [type(result) is RequestRejected for result in results] == [seed % 10 == 0 for seed in range(200)]
    assert sum(bench.num_calls) == 220


def test_endpoint_that_rejects_all_it_is_asked_is_out():
    bench = Bench(yes, always(RequestRejected("400: no such field")))
    assert bench.ask(*range(100)) == ["yes"] * 100
    assert bench.num_calls[1] == 3
    assert "400: no such field (3 requests, and none was answered)" in bench.pool.status.endpoints[1].reason


# A busy server


def test_server_that_takes_fewer_questions_than_the_limit_gets_fewer():
    bench = Bench(yes)
    node = bench.nodes[0]
    node._script = lambda asked: TeacherBusy("429") if node.in_flight > 10 else "yes"
    bench.build(concurrency=64)
    assert bench.ask(*range(2_000)) == ["yes"] * 2_000
    assert bench.pool.status.endpoints[0].limit < 32
    assert bench.num_calls[0] < 1.5 * 2_000


def test_storm_of_429_leaves_a_probe_of_one_and_passes():
    bench = Bench(away(30, 90, TeacherBusy("429")), concurrency=64)
    assert bench.ask(*range(6_000)) == ["yes"] * 6_000
    assert sum(30 <= at < 90 for at in bench.nodes[0].asked_at) < 64 + 20
    assert sum(90 <= at < 105 for at in bench.nodes[0].asked_at) > 100 + 64 + 32  # soon as many at once as before
    assert bench.pool.status.endpoints[0].limit > 32


def test_busy_endpoint_is_left_alone_for_as_long_as_it_asks_and_the_other_takes_over():
    bench = Bench(yes, away(20, 60, TeacherBusy("429", retry_after_seconds=50)))
    assert bench.ask(*range(1_000)) == ["yes"] * 1_000
    asked = bench.nodes[1].asked_at
    assert not [at for at in asked if 22 < at < 70]
    assert [at for at in asked if at >= 70]


def test_questions_that_wait_inside_the_server_lower_its_limit():
    bench = Bench()
    queueing = lambda poll: ServerLoad(16, max(0, bench.nodes[0].in_flight - 16))  # noqa: E731
    bench.nodes = [Loaded("http://h/v1", yes, bench.time, 1.0, loads=queueing)]
    bench.build(concurrency=64)
    bench.ask(*range(3_000))
    assert bench.pool.status.endpoints[0].limit < 28


@pytest.mark.parametrize("load", [None, DOWN])
def test_server_that_never_tells_its_load_is_soon_no_longer_asked_for_it(load):
    bench = Bench()
    bench.nodes = [Loaded("http://h/v1", yes, bench.time, 1.0, loads=lambda poll: load)]
    bench.build()
    assert bench.ask(*range(500)) == ["yes"] * 500
    assert bench.nodes[0].num_polls == 3


def test_load_that_cannot_be_had_for_a_moment_is_asked_for_again():
    bench = Bench()
    loads = lambda poll: DOWN if poll in range(2, 10) else ServerLoad(8, 0)  # noqa: E731
    bench.nodes = [Loaded("http://h/v1", yes, bench.time, 1.0, loads=loads)]
    bench.build()
    assert bench.ask(*range(500)) == ["yes"] * 500
    assert bench.nodes[0].num_polls > 20


# Ends


def test_question_that_is_cancelled_gives_its_place_back():
    bench = Bench(yes, concurrency=2)

    async def go():
        await bench.asking([0])
        calls = [asyncio.ensure_future(bench.pool.complete(request(seed))) for seed in range(1, 7)]
        await bench.time.sleep(0.5)
        for call in calls[:4]:  # two in flight, two in the line
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        return [call.cancelled() for call in calls]

    assert bench.time.run(go()) == [True] * 4 + [False] * 2
    assert bench.pool.status.num_outstanding == 0
    assert bench.pool.status.num_waiting == 0


def test_closing_ends_what_waits_and_what_goes_on_in_the_background():
    bench = Bench(away(5, 10_000), concurrency=2)

    async def go():
        work = asyncio.ensure_future(bench.asking(range(50)))
        await bench.time.sleep(30)
        await bench.pool.close()
        return await work, [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    results, tasks = bench.time.run(go())
    assert kinds(results) == {str, TeacherError}
    assert "was closed" in str(results[-1])
    assert not [task for task in tasks if "knock" in repr(task) or "patience" in repr(task)]


def test_bug_in_a_model_is_raised_and_gives_the_place_back():
    bench = Bench(lambda seed, now: KeyError("bug") if seed == 3 else "yes")
    results = bench.ask(*range(10))
    assert type(results.pop(3)) is KeyError
    assert results == ["yes"] * 9
    assert bench.pool.status.num_outstanding == 0


def test_bug_that_a_knock_meets_ends_the_run_and_is_named():
    bench = Bench(lambda seed, now: "yes" if now < 10 else DOWN if now < 20 else KeyError("bug"))
    results = bench.ask(*range(200))
    assert kinds(results) == {str, TeacherError}
    assert "KeyError('bug')" in str(results[-1])


def test_status_counts_what_was_used():
    bench = Bench(yes, yes)
    bench.nodes[0]._script = lambda asked: Completion("one", prompt_tokens=7, completion_tokens=2)
    bench.ask(1, 2, 3, 4, workers=1)
    first, second = bench.pool.status.endpoints
    assert (first.endpoint, first.num_calls, first.num_answers, first.num_retries) == ("http://h0/v1", 2, 2, 0)
    assert (first.prompt_tokens, first.completion_tokens, first.latency_seconds) == (14, 4, 1.0)
    total = bench.pool.status
    assert (total.num_calls, total.num_answers) == (4, 4)
    assert total.prompt_tokens == 14 + second.prompt_tokens


Fault = st.sampled_from(
    [
        DOWN,
        TeacherBusy("503"),
        TeacherBusy("429", 7.0),
        RequestRejected("400"),
        TeacherUnauthorized("401"),
        KeyError("bug"),
    ]
)
Spell = st.tuples(st.floats(0, 60), st.floats(0.1, 300), Fault)


@settings(deadline=None)
@given(
    spells=st.lists(st.lists(Spell, max_size=3), min_size=1, max_size=3),
    poison=st.sets(st.integers(0, 59), max_size=5),
    cancelled=st.dictionaries(st.integers(0, 59), st.floats(0.0, 60), max_size=5),
    concurrency=st.integers(1, 20),
    failure_seconds=st.floats(0, 130),
    patience=st.floats(0, 400),
)
def test_every_question_ends_exactly_once_and_every_place_is_given_back(
    spells, poison, cancelled, concurrency, failure_seconds, patience
):
    def script(faults):
        def says(seed, now):
            fault = next((error for start, length, error in faults if start <= now < start + length), None)
            return fault or (DOWN if seed in poison else "yes")

        return says

    bench = Bench(*map(script, spells), concurrency=concurrency, patience=patience, failure_seconds=failure_seconds)
    ends = []

    async def one(seed):
        try:
            ends.append((seed, (await bench.pool.complete(request(seed))).text))
        except (TeacherError, KeyError) as error:
            ends.append((seed, type(error)))
        except asyncio.CancelledError:
            ends.append((seed, "cancelled"))
            raise

    async def cancel(call, seconds):
        await bench.time.sleep(seconds)
        call.cancel()

    async def go():
        calls = [asyncio.ensure_future(one(seed)) for seed in range(60)]
        cancelling = [asyncio.ensure_future(cancel(calls[seed], after)) for seed, after in cancelled.items()]
        await asyncio.gather(*calls, *cancelling, return_exceptions=True)
        await bench.pool.close()

    bench.time.run(go())
    assert sorted(seed for seed, _ in ends) == sorted(set(range(60)) - {s for s in cancelled if s not in dict(ends)})
    assert {seed for seed in range(60) if seed not in dict(ends)} <= cancelled.keys()  # cancelled before they began
    assert bench.pool.status.num_waiting == 0
    assert [endpoint.num_outstanding for endpoint in bench.pool.status.endpoints] == [0] * len(spells)
