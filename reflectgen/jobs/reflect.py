"""Every chunk of a stream of shards gets its reflection, with a fixed number of calls in flight from first to last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from reflectgen.jobs.committer import Committer
from reflectgen.jobs.settle import Desk, Work, note, settle
from reflectgen.reflection.roles import Guard
from reflectgen.shards import chunks_of, read_chunk_ends, read_documents
from reflectgen.store import Store, corpus, reflections
from reflectgen.store.reflections import ReflectionRow

LABEL_CHUNKS = 128  # a guard in this process gets so many at a time; the loop stands still meanwhile


@dataclass(slots=True)
class _Open:
    """A shard at work: chunks handed out and not settled, and whether all have been handed out."""

    shard: corpus.Shard
    num_pending: int = 0
    handed_out: bool = False


class Reflecting:
    """Reflect on a job's shards.

    A slot is a coroutine that takes a chunk and lets go of it only when its answer is committed. Slots know nothing of
    shards: while the last chunks of one are answered, those of the next are already being asked.
    """

    def __init__(self, store: Store, folder: Path, desk: Desk, guard: Guard, slots: int, stop: asyncio.Event) -> None:
        self._store = store
        self._folder = folder
        self._desk = desk
        self._guard = guard
        self._guard_costs = bool(guard.provenance.endpoint)
        self._teacher_costs = bool(desk.teacher and desk.teacher.provenance.endpoint)
        self._stop = stop
        # Where no call is waited for, a second slot would have nothing to do.
        self._slots = slots if self._guard_costs or self._teacher_costs else 1
        self._queue: asyncio.Queue[tuple[_Open, Sequence[Work]] | None] = asyncio.Queue(maxsize=2 * self._slots)
        self._labels = Committer(self._keep_labels)

    async def run(self, shards: AsyncIterator[corpus.Shard]) -> None:
        """Settle every chunk of `shards`, or stop between two chunks once `stop` is set.

        Raises:
            ReflectgenError: the first that any slot met; what was committed by then stays.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hand_out(shards))
                for _ in range(self._slots):
                    tasks.create_task(self._work())
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            await self._desk.committer.drain()
            await self._labels.drain()

    async def _hand_out(self, shards: AsyncIterator[corpus.Shard]) -> None:
        async for shard in shards:
            opened = _Open(shard)
            unsettled = self._unsettled(shard)
            while batch := list(islice(unsettled, LABEL_CHUNKS)):
                for works in self._parcels(batch if self._guard_costs else await self._label(batch)):
                    if self._stop.is_set():
                        return await self._send_home()
                    opened.num_pending += len(works)
                    await self._queue.put((opened, works))
            opened.handed_out = True
            self._finish(opened)
        return await self._send_home()

    def _parcels(self, works: Sequence[Work]) -> Iterator[Sequence[Work]]:
        """Yield what one slot takes at a time: a chunk, where it costs a call, else all."""
        if self._guard_costs or self._teacher_costs:
            yield from ([work] for work in works)
        else:
            yield works

    async def _send_home(self) -> None:
        for _ in range(self._slots):
            await self._queue.put(None)

    async def _work(self) -> None:
        while (item := await self._queue.get()) is not None:
            if self._stop.is_set():
                continue
            opened, works = item
            if self._guard_costs or self._teacher_costs:
                for work in works:
                    await self._settle_by_calls(work)
            else:
                await self._settle_here(works)
            opened.num_pending -= len(works)
            self._finish(opened)

    async def _settle_by_calls(self, work: Work) -> None:
        """Settle a chunk by calls that cost something: each answer is committed before the next is asked for."""
        if work.label is None:
            (work,) = await self._label([work])
            await self._labels.commit(work)
        await settle(self._desk, work, self._commit)

    async def _settle_here(self, works: Sequence[Work]) -> None:
        """Settle chunks whose answers are made in this process, and commit them together."""
        rows: list[ReflectionRow] = []

        async def keep(row: ReflectionRow) -> None:
            rows.append(row)

        for work in works:
            await settle(self._desk, work, keep)
        await self._commit(*rows)

    async def _commit(self, *rows: ReflectionRow) -> None:
        await self._desk.committer.commit(*rows)
        for row in rows:
            note(self._desk.progress, row)

    def _unsettled(self, shard: corpus.Shard) -> Iterator[Work]:
        """Yield the chunks without an accepted reflection, with their label where one was kept."""
        with self._store.read() as connection:
            known = reflections.progress_of(connection, self._desk.job_id, shard.number)
            labels = reflections.labels_of(connection, self._desk.job_id, shard.number)
        ends = read_chunk_ends(self._folder / shard.chunks_file)
        fresh = reflections.Progress(num_revisions=0, settled=False)
        for row, document in enumerate(read_documents(self._folder / shard.corpus_file)):
            for chunk in chunks_of(document, ends[row]):
                place = (row, chunk.index)
                progress = known.get(place, fresh)
                if not progress.settled:
                    yield Work(shard.number, row, chunk, labels.get(place), progress.num_revisions)

    async def _label(self, works: Sequence[Work]) -> list[Work]:
        labels = await self._guard.label([work.chunk for work in works])
        # Built anew rather than by `replace`, which is slow enough to show in the whole job's time.
        return [
            Work(work.shard, work.document, work.chunk, label, work.num_revisions)
            for work, label in zip(works, labels, strict=True)
        ]

    def _keep_labels(self, works: Sequence[Work]) -> None:
        labels = [(work.shard, work.document, work.chunk.index, work.known_label) for work in works]
        with self._store.write() as connection:
            reflections.add_labels(connection, self._desk.job_id, labels)

    def _finish(self, opened: _Open) -> None:
        if not opened.handed_out or opened.num_pending:
            return
        shard, job_id = opened.shard, self._desk.job_id
        with self._store.write() as connection:
            settled = reflections.num_settled(connection, job_id, shard.number)
            if settled != shard.num_chunks:
                raise RuntimeError(f"shard {shard.number} has {shard.num_chunks} chunks but {settled} reflections")
            corpus.mark_reflected(connection, job_id, shard.number)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that brought the others down."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
