import random

from hypothesis import given
from hypothesis import strategies as st

from reflectgen.llm.limiter import AdaptiveLimit
from reflectgen.llm.load import ServerLoad
from tests.llm.closed_loop import ClosedLoop


def batching(num_computed, now):
    """Latency as vLLM's: it grows with the batch, and the throughput grows too."""
    return 1 + num_computed / 32


def constant(num_computed, now):
    return 1.0


def restarted(most=64):
    limit = AdaptiveLimit(most)
    limit.restart(0.0)
    return limit


def test_limit_begins_where_the_user_set_it_and_stays_while_all_is_well():
    loop = ClosedLoop(AdaptiveLimit(64), batching)
    loop.play(600)
    assert set(loop.limits) == {64}


def test_after_an_outage_the_limit_begins_low_and_doubles():
    limit = restarted()
    loop = ClosedLoop(limit, constant)
    assert limit.value == 16
    loop.play(5)
    assert limit.value == 64


def test_latency_that_grows_with_the_batch_is_no_reason_to_fall():
    loop = ClosedLoop(restarted(256), batching)
    loop.play(100)
    assert loop.play(600) > 0.95 * 256 / batching(256, 0)


def test_server_that_loses_most_of_its_room_gets_less():
    limit = AdaptiveLimit(64)
    loop = ClosedLoop(limit, constant, room=64)
    loop.play(60)
    loop.room = 16
    loop.play(120)
    rate = loop.play(30)
    assert loop.mean_limit < 50
    assert rate > 0.9 * 16


def test_fall_that_costs_throughput_is_taken_back():
    """Texts that take longer from some moment on look like a slow server at first."""
    limit = AdaptiveLimit(64)
    loop = ClosedLoop(limit, lambda n, now: batching(n, now) * (1 if now < 200 else 2.5))
    loop.play(190)
    loop.play(60)
    assert min(loop.limits) < 64  # it did fall
    assert loop.play(600) > 0.95 * 64 / batching(64, 0) / 2.5
    loop.play(100)
    assert loop.mean_limit > 60


def test_server_that_takes_so_many_and_no_more_gets_about_so_many():
    chance = random.Random(2)
    loop = ClosedLoop(AdaptiveLimit(64), constant, is_busy=lambda n: n > 20 and chance.random() < 0.9)
    loop.play(60)
    rate = loop.play(60)
    assert 12 < loop.mean_limit < 28
    assert rate > 0.7 * 20


def test_one_call_in_fifty_refused_costs_little():
    chance = random.Random(3)
    loop = ClosedLoop(AdaptiveLimit(64), constant, is_busy=lambda n: chance.random() < 0.02)
    loop.play(60)
    assert loop.play(120) > 0.85 * 64


def test_limit_falls_once_a_round_trip_and_not_once_a_refused_call():
    limit = AdaptiveLimit(64)
    for _ in range(40):
        limit.note_busy(1.0)
    assert limit.value == 64  # the round trip is not over
    limit.note_answer(2.0, 0.5, held_back=False)
    assert limit.value == 32  # 40 of 41 is nearly all, and costs nearly half
    for n in range(20):
        limit.note_answer(2.0 + n / 100, 1.5, held_back=False)  # sent before the fall
    assert limit.value == 32


def test_calls_refused_without_end_leave_a_probe_of_one():
    limit = AdaptiveLimit(64)
    for n in range(10_000):
        limit.note_busy(float(n))
    assert limit.value == 1
    for n in range(20_000):
        limit.note_answer(10_000.0 + n, 1.0, held_back=True)
    assert limit.value == 64


def test_limit_does_not_rise_while_something_else_holds_questions_back():
    limit = AdaptiveLimit(64)
    for n in range(10_000):
        limit.note_busy(float(n))
    for n in range(1_000):
        limit.note_answer(10_000.0 + n, 1.0, held_back=False)
    assert limit.value == 1


def test_questions_that_wait_inside_the_server_lower_the_limit():
    limit = AdaptiveLimit(64)
    loop = ClosedLoop(limit, constant, room=16)
    for _ in range(60):
        loop.play(1)
        limit.note_load(ServerLoad(loop.num_computed, loop.num_waiting), loop.num_outstanding)
    rate = 0.0
    for _ in range(60):
        rate += loop.play(1) / 60
        limit.note_load(ServerLoad(loop.num_computed, loop.num_waiting), loop.num_outstanding)
        assert 16 <= limit.value <= 28
    assert rate > 0.95 * 16


def test_few_that_wait_or_many_for_a_moment_change_nothing():
    limit = AdaptiveLimit(64)
    for _ in range(10):
        limit.note_load(ServerLoad(60, 4), 64)
        limit.note_load(ServerLoad(16, 48), 64)
    assert limit.value == 64


def test_questions_of_others_do_not_push_ours_out():
    limit = AdaptiveLimit(64)
    for _ in range(100):
        limit.note_load(ServerLoad(num_running=32, num_waiting=5_000), limit.value)
    assert limit.value == 32


def test_limit_rises_again_when_nothing_waits_in_the_server():
    limit = AdaptiveLimit(64)
    for _ in range(100):
        limit.note_load(ServerLoad(16, 100), limit.value)
    low = limit.value
    limit.note_answer(1.0, 1.0, held_back=True)
    assert limit.value == low
    limit.note_load(ServerLoad(16, 0), low)
    for n in range(5_000):
        limit.note_answer(2.0 + n, 1.0, held_back=True)
    assert limit.value == 64


answers = st.tuples(st.just("answer"), st.floats(0, 1e4), st.booleans())
busies = st.tuples(st.just("busy"))
loads = st.tuples(st.just("load"), st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 4_096))
restarts = st.tuples(st.just("restart"))


@given(most=st.integers(1, 4_096), events=st.lists(answers | busies | loads | restarts), step=st.floats(0, 100))
def test_limit_is_always_between_one_and_the_users(most, events, step):
    limit, now = AdaptiveLimit(most), 0.0
    for name, *values in events:
        now += step
        match name:
            case "answer":
                limit.note_answer(now, values[0], held_back=values[1])
            case "busy":
                limit.note_busy(now)
            case "load":
                limit.note_load(ServerLoad(values[0], values[1]), values[2])
            case "restart":
                limit.restart(now)
        assert 1 <= limit.value <= most
