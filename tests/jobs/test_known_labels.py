import asyncio

import pytest

from reflectgen.errors import TeacherUnavailable
from reflectgen.jobs.known_labels import KnownLabels
from reflectgen.records import Category, Label, Verdict
from tests.jobs.worlds import FixedGuard, good_reply, run_here, scripted_teacher, write_corpus

SAFE = Label(Verdict.SAFE, Category.NONE, 0.1)


class SlowGuard(FixedGuard):
    """Lets everybody else ask before it answers."""

    async def label(self, chunks):
        labels = await super().label(chunks)
        await asyncio.sleep(0.01)
        return labels


def test_a_guard_behind_an_endpoint_is_asked_once_about_equal_chunks_that_are_in_flight_together(tmp_path):
    texts = ["The same notice hangs in every shop."] * 9 + ["Another one hangs in the last."]
    corpus = write_corpus(tmp_path / "c.jsonl", texts)
    guard = SlowGuard(endpoint="here")
    teacher, _ = scripted_teacher(lambda request: good_reply())
    assert run_here(corpus, tmp_path / "out", guard, teacher, slots=8).balanced
    assert guard.num_asked == 2


def test_where_judging_failed_the_next_one_asks_and_the_error_is_the_first_ones_alone():
    asked = []

    async def judge():
        asked.append(1)
        await asyncio.sleep(0)
        if len(asked) == 1:
            raise TeacherUnavailable("not now")
        return SAFE

    async def go():
        labels = KnownLabels()
        return await asyncio.gather(*(labels.find("a", judge) for _ in range(3)), return_exceptions=True)

    first, *others = asyncio.run(go())
    assert isinstance(first, TeacherUnavailable)
    assert others == [SAFE, SAFE]
    assert len(asked) == 2


def test_one_who_gives_up_waiting_leaves_the_others_their_label():
    async def go():
        labels, may_answer = KnownLabels(), asyncio.Event()

        async def judge():
            await may_answer.wait()
            return SAFE

        asking, leaving, waiting = (asyncio.create_task(labels.find("a", judge)) for _ in range(3))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        may_answer.set()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        return await asking, await waiting

    assert asyncio.run(go()) == (SAFE, SAFE)


def test_the_label_that_is_longest_at_hand_makes_room_for_a_new_one():
    asked = []

    def judge_of(text):
        async def judge():
            asked.append(text)
            return SAFE

        return judge

    async def go():
        labels = KnownLabels(max_labels_at_hand=2)
        for text in ("a", "b", "a", "c", "b", "a"):
            await labels.find(text, judge_of(text))

    asyncio.run(go())
    assert asked == ["a", "b", "c", "a"]
