"""Every chunk of a stream of shards gets its reflection, with a fixed number of calls in flight from first to last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from reflectgen.jobs.apart import apart
from reflectgen.jobs.budget import Budget
from reflectgen.jobs.committer import Committer
from reflectgen.jobs.known_labels import KnownLabels
from reflectgen.jobs.settle import Desk, Work, note, settle
from reflectgen.records import NO_NEIGHBOURS, Chunk, Label, Neighbours, Reflection
from reflectgen.reflection.cascade import SOUND_VERDICT_REASONS
from reflectgen.reflection.roles import Guard
from reflectgen.shards import chunks_of, read_chunk_ends, read_documents
from reflectgen.store import Store, corpus, reflections
from reflectgen.store.reflections import ChunkPlace, Progress, ReflectionRow

LABEL_CHUNKS = 128  # a guard in this process gets so many at a time; the loop stands still meanwhile
GROUP_CHUNKS = 16  # as many questions as one call takes
GROUPS_PER_SHARD = 1 << 20


@dataclass(slots=True)
class _Open:
    """A shard at work: chunks handed out and not settled, and whether all have been handed out."""

    shard: corpus.Shard
    num_pending: int = 0
    handed_out: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the store has of a shard's chunks."""

    progress: dict[ChunkPlace, Progress]
    labels: dict[ChunkPlace, Label]
    said: dict[ChunkPlace, Reflection]


class Reflecting:
    """Reflect on a job's shards.

    A slot is a coroutine that takes a chunk and lets go of it only when its answer is committed. Slots know nothing of
    shards: while the last chunks of one are answered, those of the next are already being asked.

    `failed_at` is the shard over which `run` ended with an error.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        desk: Desk,
        guard: Guard,
        *,
        slots: int,
        budget: Budget,
        stop: asyncio.Event,
        neighbours: bool = False,
        ending: Callable[[corpus.Shard], AbstractContextManager[Connection]] | None = None,
        settled: Callable[[corpus.Shard], Awaitable[None]] | None = None,
    ) -> None:
        self.failed_at: corpus.Shard | None = None
        self._store = store
        self._folder = folder
        self._desk = desk
        self._guard = guard
        self._guard_costs = bool(guard.provenance.endpoint)
        self._teacher_costs = any(teacher.provenance.endpoint for teacher in desk.teachers)
        self._budget = budget
        self._stop = stop
        self._neighbours = neighbours
        self._ending = ending or (lambda _shard: store.write())  # the transaction that ends a shard
        self._settled = settled  # hears of each shard some of whose chunks have their reflection now
        self._known_labels = KnownLabels()
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
            with self._blaming(shard):
                if not await self._hand_out_shard(shard):
                    break
        await self._send_home()

    async def _hand_out_shard(self, shard: corpus.Shard) -> bool:
        """Put what is left of a shard into the queue; return whether the next one may follow."""
        opened = _Open(shard)
        unsettled = self._unsettled(shard, await apart(self._store, partial(self._kept_of, shard)))
        while batch := list(islice(unsettled, LABEL_CHUNKS)):
            if self._desk.reuse and not self._desk.reuse.all_at_hand:
                await self._desk.reuse.look_up([self._desk.request_key(work) for work in batch])
            for works in self._parcels(batch if self._guard_costs else await self._label(batch)):
                if self._stop.is_set() or not await self._admitted(works):
                    return False
                opened.num_pending += len(works)
                await self._queue.put((opened, works))
        opened.handed_out = True
        await self._finish(opened)
        return True

    @contextmanager
    def _blaming(self, shard: corpus.Shard) -> Iterator[None]:
        try:
            yield
        except Exception:
            self.failed_at = self.failed_at or shard
            raise

    def _parcels(self, works: Sequence[Work]) -> Iterator[Sequence[Work]]:
        """Yield what one slot takes at a time: a chunk, where it costs a call, else all."""
        if self._guard_costs or self._teacher_costs or self._budget.limited:
            yield from ([work] for work in works)
        else:
            yield works

    async def _send_home(self) -> None:
        for _ in range(self._slots):
            await self._queue.put(None)

    async def _work(self) -> None:
        while (item := await self._queue.get()) is not None:
            opened, works = item
            if self._stop.is_set():
                await self._leave(works)
                continue
            with self._blaming(opened.shard):
                await self._settle(opened, works)

    async def _settle(self, opened: _Open, works: Sequence[Work]) -> None:
        if self._guard_costs or self._teacher_costs:
            for work in works:
                await self._settle_by_calls(work)
        else:
            await self._settle_here(works)
        opened.num_pending -= len(works)
        await self._leave(works)
        if self._settled is not None:
            await self._settled(opened.shard)
        await self._finish(opened)

    async def _settle_by_calls(self, work: Work) -> None:
        """Settle a chunk by calls that cost something: each answer is committed before the next is asked for."""
        if work.label is None:
            work = await self._label_by_call(work)
        await settle(self._desk, work, self._commit)

    async def _label_by_call(self, work: Work) -> Work:
        """Label a chunk by a call, or as an equal one was labelled; the label is committed before it is used."""

        async def judge() -> Label:
            (label,) = await self._guard.label([work.chunk])
            return label

        labelled = work.labelled(await self._known_labels.find(work.chunk.text, judge))
        await self._labels.commit(labelled)
        return labelled

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

    def _kept_of(self, shard: corpus.Shard) -> _Kept:
        job_id = self._desk.job_id
        with self._store.read() as connection:
            return _Kept(
                reflections.progress_of(connection, job_id, shard.number),
                reflections.labels_of(connection, job_id, shard.number),
                reflections.said_of(connection, job_id, shard.number, SOUND_VERDICT_REASONS),
            )

    def _unsettled(self, shard: corpus.Shard, kept: _Kept) -> Iterator[Work]:
        """Yield the chunks without an accepted reflection, with their label where one was kept."""
        ends = read_chunk_ends(self._folder / shard.chunks_file)
        fresh = reflections.Progress(num_revisions=0, settled=False)
        ordinal = 0  # of the chunk in its shard
        for row, document in enumerate(read_documents(self._folder / shard.corpus_file)):
            chunks = chunks_of(document, ends[row])
            for chunk in chunks:
                place = (row, chunk.index)
                progress = kept.progress.get(place, fresh)
                if not progress.settled:
                    yield Work(
                        shard.number,
                        row,
                        chunk,
                        kept.labels.get(place),
                        progress.num_revisions,
                        # What was said before a chunk was opened again may be another teacher's word.
                        0 if progress.begin else progress.num_refusals,
                        None if progress.begin else kept.said.get(place),
                        _neighbours(chunks, chunk) if self._neighbours else NO_NEIGHBOURS,
                        progress.begin,
                        shard.number * GROUPS_PER_SHARD + ordinal // GROUP_CHUNKS,
                    )
                ordinal += 1

    async def _label(self, works: Sequence[Work]) -> list[Work]:
        labels = await self._guard.label([work.chunk for work in works])
        return [work.labelled(label) for work, label in zip(works, labels, strict=True)]

    def _keep_labels(self, works: Sequence[Work]) -> None:
        labels = [(work.shard, work.document, work.chunk.index, work.known_label) for work in works]
        with self._store.write() as connection:
            reflections.add_labels(connection, self._desk.job_id, labels)

    async def _admitted(self, works: Sequence[Work]) -> bool:
        """Whether there is room for one more chunk; several come at once only where there is no limit."""
        if not self._budget.limited or await self._budget.admit():
            return True
        self._stop.set()
        return False

    async def _leave(self, works: Sequence[Work]) -> None:
        if self._budget.limited:
            for _ in works:
                await self._budget.leave()

    async def _finish(self, opened: _Open) -> None:
        if not opened.handed_out or opened.num_pending or opened.ended:
            return
        opened.ended = True
        await apart(self._store, partial(self._end, opened.shard))

    def _end(self, shard: corpus.Shard) -> None:
        job_id = self._desk.job_id
        with self._ending(shard) as connection:
            settled = reflections.num_settled(connection, job_id, shard.number)
            if settled != shard.num_chunks:
                raise RuntimeError(f"shard {shard.number} has {shard.num_chunks} chunks but {settled} reflections")
            corpus.mark_reflected(connection, job_id, shard.number)


def _neighbours(chunks: Sequence[Chunk], chunk: Chunk) -> Neighbours:
    before = chunks[chunk.index - 1].text if chunk.index else ""
    after = chunks[chunk.index + 1].text if chunk.index + 1 < len(chunks) else ""
    return Neighbours(before, after)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that brought the others down."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
