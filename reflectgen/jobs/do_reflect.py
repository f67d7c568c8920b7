"""Shards of one job at one worker: it begins with the one it was told of and takes further ones as slots come free.

So the calls in flight stay as many as they may be from one shard to the next, as in a run on one machine.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from reflectgen.jobs.advance import advance, note
from reflectgen.jobs.apart import apart
from reflectgen.jobs.desk import make_desk
from reflectgen.jobs.ledger import Leases, about_claim
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.queue import Queue
from reflectgen.jobs.reflect import Reflecting
from reflectgen.jobs.session import Session
from reflectgen.store import Store, corpus
from reflectgen.store.jobs import Job
from reflectgen.store.tasks import Claim
from reflectgen.traces import Traced, begun

CHAIN_SECONDS = 120.0  # a worker takes no further shard of the job after that: another job may be waiting

log = logging.getLogger(__name__)


class ShardsAtWork:
    """The shards that one worker holds, from claim to end."""

    def __init__(self, leases: Leases, queue: Queue, job: Job, stop: asyncio.Event) -> None:
        self._leases = leases
        self._queue = queue
        self._job = job
        self._stop = stop
        self._claims: dict[int, Claim] = {}  # by the number of the shard
        self._spans: dict[int, Traced] = {}
        self._progressing: set[Claim] = set()

    async def claimed(self, first: Claim) -> AsyncIterator[corpus.Shard]:
        """Yield the shard of `first`, then of what can be claimed, until there is nothing or it is time to leave."""
        give_up = time.monotonic() + CHAIN_SECONDS
        claim: Claim | None = first
        while claim is not None:
            self._claims[claim.number] = claim
            self._spans[claim.number] = begun("shard", task=claim.id, shard=claim.number, attempt=claim.token)
            with about_claim(claim):
                log.info("begun")
            yield await apart(self._leases.store, partial(self._shard, claim.number))
            if self._stop.is_set() or time.monotonic() > give_up:
                return
            claim = await apart(self._leases.store, partial(self._leases.claim_next, self._job.id, "reflect"))

    @contextmanager
    def ending(self, shard: corpus.Shard) -> Iterator[Connection]:
        """A transaction that ends a shard, and its task with it; what follows is rung for once it is committed.

        Raises:
            LeaseLost: another worker has the task.
        """
        claim, traced = self._claims.pop(shard.number), self._spans.pop(shard.number)
        try:
            with self._leases.store.write() as connection:
                self._leases.finish(connection, claim)
                yield connection
                note(connection, self._job.id, "shard_reflected", shard=shard.number, num_chunks=shard.num_chunks)
                bells = advance(connection, self._job.id)
            traced.set_attribute("num_chunks", shard.num_chunks)
        finally:
            traced.end()
        with about_claim(claim):
            log.info("reflected: %d chunks", shard.num_chunks)
        self._queue.ring(bells)

    async def settled(self, shard: corpus.Shard) -> None:
        """Note, once for each claim, that something of its shard was committed."""
        claim = self._claims.get(shard.number)
        if claim is not None and claim not in self._progressing:
            self._progressing.add(claim)
            await apart(self._leases.store, partial(self._leases.note_progress, claim))

    def blame(self, shard: corpus.Shard | None) -> None:
        """Say over which shard the work failed."""
        self._leases.at_fault = self._claims.get(shard.number) if shard else None

    def leave(self) -> None:
        """Say of the shards that were not ended that nobody works on them here any more."""
        while self._spans:
            self._spans.popitem()[1].end()

    def _shard(self, number: int) -> corpus.Shard:
        with self._leases.store.read() as connection:
            return corpus.shard_number(connection, self._job.id, number)


async def reflect(
    store: Store,
    leases: Leases,
    queue: Queue,
    job: Job,
    session: Session,
    folder: Path,
    first: Claim,
    stop: asyncio.Event,
) -> None:
    """Settle every chunk of the claimed shard and of those that follow it; or stop between two chunks.

    Raises:
        LeaseLost: another worker has one of the shards.
        TeacherError: the teacher cannot be asked; what was committed stays.
        OutputError: the store refused, or is away.
    """
    progress = Progress()
    at_work = ShardsAtWork(leases, queue, job, stop)
    desk = make_desk(store, job.id, session.recipe, session.roles, progress, time.time, is_new=False)
    reflecting = Reflecting(
        store,
        folder,
        desk,
        session.guard,
        slots=session.file.num_slots,
        budget=session.budget(progress),
        stop=stop,
        neighbours=session.recipe.shows_neighbours,
        ending=at_work.ending,
        settled=at_work.settled,
    )
    try:
        await reflecting.run(at_work.claimed(first))
    except Exception:
        at_work.blame(reflecting.failed_at)
        raise
    finally:
        at_work.leave()
