import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.errors import OutputError
from reflectgen.jobs.committer import Committer


def test_callers_who_are_ready_together_share_one_transaction():
    groups: list[list[int]] = []

    async def run() -> None:
        committer = Committer[int](lambda rows: groups.append(list(rows)))
        await asyncio.gather(*(committer.commit(n) for n in range(50)))

    asyncio.run(run())
    assert groups == [list(range(50))]


def test_a_caller_goes_on_only_after_its_row_is_kept():
    kept: list[int] = []

    async def caller(committer: Committer[int], n: int) -> None:
        for k in range(n, n + 5):
            await committer.commit(k)
            assert k in kept

    async def run() -> None:
        committer = Committer[int](kept.extend)
        await asyncio.gather(*(caller(committer, n) for n in range(0, 100, 10)))

    asyncio.run(run())
    assert len(kept) == len(set(kept)) == 50


def test_a_refusal_reaches_everyone_in_the_transaction_and_nobody_else():
    calls = 0

    def write(rows):
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OutputError("disk full")

    async def run() -> list[object]:
        committer = Committer[int](write)
        first = await asyncio.gather(*(committer.commit(n) for n in range(3)), return_exceptions=True)
        await committer.commit(3)
        return first

    assert [str(error) for error in asyncio.run(run())] == ["disk full"] * 3
    assert calls == 2


def test_a_cancelled_caller_takes_nobody_with_it():
    kept: list[int] = []
    may_write = threading.Event()

    def write(rows):
        may_write.wait(5)
        kept.extend(rows)

    async def run() -> None:
        committer = Committer[int](write)
        callers = [asyncio.create_task(committer.commit(n)) for n in range(3)]
        await asyncio.sleep(0.01)
        callers[0].cancel()
        may_write.set()
        with pytest.raises(asyncio.CancelledError):
            await callers[0]
        await asyncio.gather(*callers[1:])
        await committer.drain()

    asyncio.run(run())
    assert kept == [0, 1, 2]


@given(st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=6))
def test_every_row_is_written_exactly_once_whatever_the_interleaving(pauses):
    kept: list[tuple[int, int]] = []

    async def caller(committer, number: int, waits: list[int]) -> None:
        for k, wait in enumerate(waits):
            for _ in range(wait):
                await asyncio.sleep(0)
            await committer.commit((number, k))

    async def run() -> None:
        committer = Committer(kept.extend)
        await asyncio.gather(*(caller(committer, n, waits) for n, waits in enumerate(pauses)))

    asyncio.run(run())
    assert sorted(kept) == [(n, k) for n, waits in enumerate(pauses) for k in range(len(waits))]


def test_a_clock_that_refuses_a_pause_keeps_nobody_waiting(monkeypatch):
    def refuse(_seconds):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("reflectgen.jobs.committer.time.sleep", refuse)
    kept: list[int] = []

    async def run() -> None:
        committer = Committer[int](kept.extend, linger_seconds=0.01)
        await asyncio.wait_for(committer.commit(1), 10)

    asyncio.run(run())
    assert kept == [1]
