import asyncio
import copy
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflectgen.errors import (
    RequestRejected,
    TeacherBusy,
    TeacherError,
    TeacherGone,
    TeacherNotFound,
    TeacherUnauthorized,
    TeacherUnavailable,
)
from reflectgen.llm.completion import Completion, CompletionRequest
from reflectgen.llm.load import ServerLoad
from reflectgen.llm.member import Member
from reflectgen.llm.outage import FIRST_TRIES, REQUEST_TRIES
from reflectgen.llm.pool import EndpointPool
from reflectgen.llm.status import State
from tests.llm.virtual_time import SlowModel, VirtualTime

DOWN = TeacherUnavailable("connection refused")
MANY = 10_000


def request(seed: int) -> CompletionRequest:
    return CompletionRequest(({"role": "user", "content": "?"},), "m", seed, 0.0, 10)


class Node(SlowModel):
    """One endpoint: `says(seed, now)` is its answer, or what it raises; failures take `failure_seconds`."""

    def __init__(self, name, says, time, seconds=1.0, failure_seconds=None):
        super().__init__(lambda asked: says(asked.seed, time.now), time, seconds)
        self.asked_at = []
        self.jitter = 0.0  # the share by which an answer may take longer or shorter
        self._name = name
        self._rng = random.Random(1)
        self._failure_seconds = seconds if failure_seconds is None else failure_seconds

    @property
    def endpoint(self) -> str:
        return self._name

    async def complete(self, asked):
        self.requests.append(asked)
        self.asked_at.append(self._time.now)
        self.in_flight += 1
        self.max_in_flight = max(self.in_flight, self.max_in_flight)
        line = copy.copy(self._script(asked))  # every failed call has an error of its own
        fails = isinstance(line, Exception)
        try:
            spread = self._rng.uniform(1 - self.jitter, 1 + self.jitter)
            await self._time.sleep(self._failure_seconds if fails else self._seconds * spread)
        finally:
            self.in_flight -= 1
        if fails:
            raise line
        return line if isinstance(line, Completion) else Completion(line)


class Loaded(Node):
    """An endpoint that tells its load."""

    def __init__(self, *arguments, loads, **options):
        super().__init__(*arguments, **options)
        self._loads, self.num_polls = loads, 0

    async def metrics(self):
        self.num_polls += 1
        load = self._loads(self.num_polls)
        if isinstance(load, Exception):
            raise load
        return load


class Bench:
    """A pool over scripted endpoints, in virtual time."""

    def __init__(self, *says, concurrency=8, patience=600.0, seconds=1.0, **options) -> None:
        self.time = VirtualTime()
        seconds = seconds if isinstance(seconds, tuple) else (seconds,) * len(says)
        self.nodes = [
            Node(f"http://h{n}/v1", one, self.time, wait, **options)
            for n, (one, wait) in enumerate(zip(says, seconds, strict=True))
        ]
        self.build(concurrency, patience)

    def build(self, concurrency=8, patience=600.0):
        concurrency = concurrency if isinstance(concurrency, tuple) else (concurrency,) * len(self.nodes)
        self.members = [Member(node, most) for node, most in zip(self.nodes, concurrency, strict=True)]
        self.pool = EndpointPool(
            self.members,
            patience_seconds=patience,
            clock=self.time.clock,
            sleep=self.time.sleep,
            rng=random.Random(1),
        )

    def ask(self, *seeds, workers=MANY):
        return self.time.run(self.asking(seeds, workers))

    async def asking(self, seeds, workers=MANY):
        slots = asyncio.Semaphore(workers)

        async def one(seed):
            async with slots:
                return (await self.pool.complete(request(seed))).text

        return await asyncio.gather(*[one(seed) for seed in seeds], return_exceptions=True)

    @property
    def num_calls(self):
        return [len(node.requests) for node in self.nodes]

    @property
    def states(self):
        return [endpoint.state for endpoint in self.pool.status.endpoints]


def yes(seed, now):
    return "yes"


def always(error):
    return lambda seed, now: error


def away(start, end, error=DOWN):
    return lambda seed, now: error if start <= now < end else "yes"


def kinds(results):
    return {type(result) for result in results}


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
