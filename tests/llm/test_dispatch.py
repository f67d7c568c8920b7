import asyncio

import pytest

from reflectgen.errors import TeacherError, TeacherUnavailable
from reflectgen.llm.completion import Completion
from reflectgen.llm.dispatch import Dispatch
from reflectgen.llm.member import Member
from reflectgen.llm.scripted import ScriptedModel
from reflectgen.llm.status import State

DOWN = TeacherUnavailable("connection refused")


def answered(name, concurrency):
    """A member that has answered, and so has all its room."""
    member = Member(ScriptedModel([], endpoint=name), concurrency)
    member.note_answer(Completion("yes"), 1.0, 1.0)
    return member


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def test_next_question_goes_where_fewest_are_out_relative_to_the_limit():
    wide, narrow = answered("wide", 6), answered("narrow", 2)
    dispatch = Dispatch([wide, narrow])
    taken = [dispatch.take() for _ in range(8)]
    assert taken.count(wide) == 6
    assert taken[:4].count(narrow) == 1
    assert dispatch.take() is None


def test_member_at_rest_gets_nothing():
    one, two = answered("one", 1), answered("two", 1)
    one.state = State.RESTING
    dispatch = Dispatch([one, two])
    assert [dispatch.take(), dispatch.take()] == [two, None]


def test_place_of_a_failed_call_is_not_given_again_until_a_later_call_is_answered():
    member = answered("one", 4)
    dispatch = Dispatch([member])
    places = [dispatch.take() for _ in range(4)]
    member.breaker.note_failure(DOWN, 1, num_sent=4, num_under_way=3)
    dispatch.release(places.pop())
    assert dispatch.take() is None
    member.breaker.note_life(2)
    assert dispatch.take() is member


def test_one_place_is_left_however_many_calls_failed():
    member = answered("one", 4)
    dispatch = Dispatch([member])
    for call in range(1, 10):
        member.breaker.note_failure(DOWN, call, num_sent=100, num_under_way=9)
    assert [dispatch.take(), dispatch.take()] == [member, None]


def test_questions_that_failed_come_first_and_go_elsewhere_while_another_is_ready():
    async def go():
        one, two = answered("one", 1), answered("two", 1)
        dispatch = Dispatch([one, two])
        dispatch.take(), dispatch.take()
        order = []

        async def wait(name, avoided=None, first=False):
            order.append((name, (await dispatch.wait(avoided, first=first)).endpoint))

        waits = [asyncio.ensure_future(w) for w in (wait("fresh"), wait("failed at one", one, True))]
        await settle()
        dispatch.release(one)
        await settle()
        assert order == [("fresh", "one")]
        dispatch.release(two)
        await settle()
        assert order == [("fresh", "one"), ("failed at one", "two")]
        waits.append(asyncio.ensure_future(wait("again", one, True)))
        two.state = State.OUT
        dispatch.release(one)
        await asyncio.gather(*waits)
        assert order[-1] == ("again", "one")

    asyncio.run(go())


def test_wait_that_is_cancelled_leaves_no_trace_even_with_the_place_in_hand():
    async def go():
        member = answered("one", 1)
        dispatch = Dispatch([member])
        dispatch.take()
        in_line, given = (asyncio.ensure_future(dispatch.wait()) for _ in range(2))
        await settle()
        in_line.cancel()
        await settle()
        dispatch.release(member)  # to `given`, which has not run since
        given.cancel()
        await asyncio.gather(in_line, given, return_exceptions=True)
        assert (member.num_outstanding, dispatch.num_waiting) == (0, 0)
        assert dispatch.take() is member

    asyncio.run(go())


def test_failing_ends_those_that_wait_and_those_to_come():
    async def go():
        member = answered("one", 1)
        dispatch = Dispatch([member])
        dispatch.take()
        waits = [asyncio.ensure_future(dispatch.wait(first=first)) for first in (True, False)]
        await settle()
        dispatch.fail(lambda: TeacherError("over"))
        assert [str(error) for error in await asyncio.gather(*waits, return_exceptions=True)] == ["over", "over"]
        with pytest.raises(TeacherError, match="over"):
            await dispatch.wait()

    asyncio.run(go())
