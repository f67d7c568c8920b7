import asyncio

import pytest

from reflectgen.jobs.reuse import Reuse
from tests.jobs.worlds import FixedGuard, good_reply, run_here, scripted_teacher, write_corpus
from tests.store.rows import answer, keep, new_job

pytestmark = pytest.mark.usefixtures("on_both_databases")


@pytest.fixture
def store(any_store):
    return any_store


def test_equal_chunks_are_asked_about_once_and_say_whose_answer_they_took(tmp_path):
    texts = ["The same notice hangs in every shop."] * 9 + ["Another one hangs in the last."]
    corpus = write_corpus(tmp_path / "c.jsonl", texts)
    teacher, model = scripted_teacher(lambda request: good_reply())
    counts = run_here(corpus, tmp_path / "out", FixedGuard(endpoint="here"), teacher)
    assert counts.balanced
    assert (counts.num_replies, counts.num_reused) == (10, 8)
    assert len(model.requests) == 2
    assert counts.tokens_saved == 4 * (counts.prompt_tokens + counts.completion_tokens)


def test_a_rejected_answer_is_taken_over_too_and_the_next_one_asked_for_once(tmp_path):
    corpus = write_corpus(tmp_path / "c.jsonl", ["The same notice hangs in every shop."] * 6)
    asked = []

    def script(request):
        asked.append(request.seed)
        return "no JSON" if len(asked) == 1 else good_reply()

    teacher, _ = scripted_teacher(script)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher, slots=3)
    assert counts.roads == {"asked_again": 6}
    assert counts.rejections == {"malformed": 6}
    assert len(asked) == 2


def test_an_answer_of_an_earlier_run_is_found_in_the_store(store):
    job_id = new_job(store)
    keep(
        store, answer(job_id, 0, request_key=b"k" * 16), answer(job_id, 1, request_key=b"l" * 16, reused_from="0/0/0/0")
    )
    reuse = Reuse(store, job_id)

    async def go():
        await reuse.look_up([b"k" * 16, b"l" * 16, b"m" * 16])
        found = await reuse.find(b"k" * 16)
        assert found is not None and found["chunk"] == 0
        assert await reuse.find(b"l" * 16) is None  # what was taken over is not taken over again
        assert await reuse.find(b"m" * 16) is None

    asyncio.run(go())


def test_who_asks_what_another_is_asking_waits_for_that_answer(store):
    reuse = Reuse(store, new_job(store))

    async def go():
        assert await reuse.find(b"k") is None
        waiting = asyncio.create_task(reuse.find(b"k"))
        await asyncio.sleep(0)
        assert not waiting.done()
        reuse.asked(b"k", {"chunk": 7})
        assert await waiting == {"chunk": 7}

    asyncio.run(go())


def test_where_asking_failed_the_next_one_asks(store):
    reuse = Reuse(store, new_job(store))

    async def go():
        assert await reuse.find(b"k") is None
        waiting = [asyncio.create_task(reuse.find(b"k")) for _ in range(2)]
        await asyncio.sleep(0)
        reuse.asked(b"k", None)
        await asyncio.sleep(0.01)
        assert sum(task.done() for task in waiting) == 1  # one asks, the other waits for it
        reuse.asked(b"k", {"chunk": 1})
        assert {"chunk": 1} in await asyncio.gather(*waiting)

    asyncio.run(go())


def test_a_cancelled_waiter_takes_nobody_with_it(store):
    reuse = Reuse(store, new_job(store))

    async def go():
        assert await reuse.find(b"k") is None
        first, second = (asyncio.create_task(reuse.find(b"k")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        reuse.asked(b"k", {"chunk": 1})
        assert await second == {"chunk": 1}

    asyncio.run(go())


def test_a_new_jobs_questions_are_looked_up_once_they_are_no_longer_at_hand(store):
    job_id = new_job(store)
    reuse = Reuse(store, job_id, is_new=True, max_rows_at_hand=1)
    first = answer(job_id, 0, request_key=b"k" * 16)
    keep(store, first)
    reuse.asked(b"k" * 16, first)
    assert reuse.all_at_hand
    reuse.asked(b"l" * 16, answer(job_id, 1, request_key=b"l" * 16))
    assert not reuse.all_at_hand

    async def go():
        await reuse.look_up([b"k" * 16])
        assert await reuse.find(b"k" * 16) is not None

    asyncio.run(go())
