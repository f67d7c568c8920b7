"""The whole journey of one job on one machine: read, reflect, review, export; stopped anywhere, it goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from reflectgen.corpus.chat import TurnChunker
from reflectgen.corpus.chunk import Chunker, make_chunker
from reflectgen.corpus.ingest import ingest
from reflectgen.corpus.read import Source
from reflectgen.errors import InputError
from reflectgen.jobs.accounts import Accounts
from reflectgen.jobs.aside import aside
from reflectgen.jobs.budget import Budget, Limits
from reflectgen.jobs.desk import make_desk
from reflectgen.jobs.disagreements import write_disagreements
from reflectgen.jobs.export_job import export_job
from reflectgen.jobs.finish import write_rejects
from reflectgen.jobs.folder import EXPORT
from reflectgen.jobs.look_across import look_across
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.recipe import Recipe
from reflectgen.jobs.reflect import Reflecting
from reflectgen.jobs.roles import Roles
from reflectgen.records import Road
from reflectgen.store import Store, corpus, jobs
from reflectgen.store.counts import count_job


@dataclass(slots=True)
class Run:
    """What a run needs besides the job itself; none of it changes what the job writes."""

    store: Store
    folder: Path
    recipe: Recipe
    roles: Roles
    slots: int = 64
    strict: bool = False  # stop at the first bad row
    limits: Limits = field(default_factory=Limits)
    progress: Progress = field(default_factory=Progress)
    clock: Callable[[], float] = time.time
    is_exported: bool = True  # its woven documents; what else is made of a job is written by whoever asked for that
    stopped_because: str = ""  # a limit was reached

    @property
    def asks_endpoints(self) -> bool:
        """Whether there are calls to wait for, which other work must not hold up."""
        return self.roles.asks_endpoints


async def run_job(run: Run, job: jobs.Job, sources: Sequence[Source], stop: asyncio.Event) -> bool:
    """Bring a job to its end; return False if `stop` was set before.

    Raises:
        InputError: no row became a document, or `strict` and one did not.
        TeacherError: the teacher cannot be asked, see `reflectgen.errors`.
        OutputError: the folder or the store cannot be written.
    """
    if job.state == "finished":
        run.progress.stage = "done"
        return True
    _note_earlier_work(run, job)
    accounts = Accounts(run.store, job.id, run.roles)
    flushing = asyncio.create_task(accounts.keep_flushing())
    try:
        if not await _reflect(run, job, sources, accounts, stop):
            return False
    finally:
        flushing.cancel()
        accounts.flush()
    await asyncio.to_thread(write_disagreements, run.store, job.id, run.folder)
    recipe = run.recipe
    if run.is_exported:
        run.progress.stage = "exporting"
        await asyncio.to_thread(
            export_job, run.store, job, run.folder, run.folder / EXPORT, recipe.formats, recipe.form, run.progress
        )
    with run.store.write() as connection:
        jobs.mark_finished(connection, job.id, run.clock())
    run.progress.stage = "done"
    return True


async def _reflect(run: Run, job: jobs.Job, sources: Sequence[Source], accounts: Accounts, stop: asyncio.Event) -> bool:
    """Bring every chunk to its reflection, and look across all of them; return False if stopped before."""
    roles = run.roles
    desk = make_desk(run.store, job.id, run.recipe, roles, run.progress, run.clock, is_new=not run.progress.num_replies)
    budget = Budget(run.limits, run.progress, accounts.spent)
    run.progress.spent = accounts.spent
    with aside(roles.guard, is_wanted=run.asks_endpoints) as guard:
        reflecting = Reflecting(
            run.store,
            run.folder,
            desk,
            guard,
            slots=run.slots,
            budget=budget,
            stop=stop,
            neighbours=run.recipe.shows_neighbours,
        )
        async with aclosing(_shards(run, job, sources, stop)) as shards:
            await reflecting.run(shards)
    if not stop.is_set():
        run.progress.stage = "reviewing"
        await look_across(run.store, run.folder, desk, run.recipe, run.slots, budget, stop)
    run.stopped_because = budget.reason
    return not (stop.is_set() or budget.reason)


async def _shards(
    run: Run, job: jobs.Job, sources: Sequence[Source], stop: asyncio.Event
) -> AsyncGenerator[corpus.Shard, None]:
    """Yield the shards that want reflecting, those still to be read from the input after those that are there.

    The next one is read in a thread while this one is being reflected on.
    """
    _check_rows(run, job, complete=job.ingested)
    with run.store.read() as connection:
        known = corpus.shards(connection, job.id)
    for shard in known:
        if shard.state == "ready":
            yield shard
    if not job.ingested:
        chunker: Chunker = make_chunker(run.recipe.chunks)
        if run.recipe.is_chat:
            chunker = TurnChunker(chunker)
        fresh = ingest(run.store, job.id, sources, run.recipe.read, chunker, run.folder)
        following = _following(run, fresh)
        try:
            while (added := await asyncio.shield(following)) is not None:
                run.progress.num_documents += added.num_documents
                run.progress.num_chunks += added.num_chunks
                _check_rows(run, job, complete=False)
                if stop.is_set():
                    return
                run.progress.stage = "reflecting"
                if run.asks_endpoints:
                    following = _following(run, fresh)
                    yield added
                else:
                    yield added
                    following = _following(run, fresh)
        finally:
            # A thread that still reads would write to a store which its owner closes once this has ended.
            await asyncio.wait([following])
            if not following.cancelled():
                following.exception()  # what came too late to matter is no news
            fresh.close()
        _check_rows(run, job, complete=True)
    run.progress.stage, run.progress.ingested = "reflecting", True
    await asyncio.to_thread(write_rejects, run.store, job.id, run.folder)


def _following(run: Run, shards: Iterator[corpus.Shard]) -> asyncio.Future[corpus.Shard | None]:
    """Read the next shard: in a thread while calls are under way, else here, where a second thread would only cost."""
    if run.asks_endpoints:
        return asyncio.ensure_future(asyncio.to_thread(next, shards, None))
    read = asyncio.get_running_loop().create_future()
    read.set_result(next(shards, None))
    return read


def _note_earlier_work(run: Run, job: jobs.Job) -> None:
    """Let the display begin where the last run ended."""
    with run.store.read() as connection:
        counts = count_job(connection, job.id)
    progress = run.progress
    progress.ingested = job.ingested
    progress.num_documents, progress.num_rejected_rows = counts.num_documents, counts.num_rejected_rows
    progress.num_chunks = counts.num_chunks
    progress.num_settled = progress.num_settled_before = counts.num_reflections
    progress.num_replies, progress.num_accepted = counts.num_replies, counts.num_accepted
    progress.num_reused, progress.num_not_asked = counts.num_reused, counts.roads.get(Road.TEMPLATE, 0)
    progress.verdicts.update(counts.verdicts)


def _check_rows(run: Run, job: jobs.Job, complete: bool) -> None:
    """End a job without a document once all rows are read, and one with a bad row where none is allowed.

    Raises:
        InputError: see above.
    """
    with run.store.read() as connection:
        num_rejected = corpus.num_rejected_rows(connection, job.id)
        first = next(corpus.rejected_rows(connection, job.id), None)
    run.progress.num_rejected_rows = num_rejected
    said = f"{first.source} line {first.line}, {first.reason}: {first.detail}" if first else ""
    if first and run.strict:
        raise InputError(f"{said}; mend it, or leave --strict out")
    if complete and not run.progress.num_documents:
        if first is None:
            raise InputError("the inputs hold no row at all; name others")
        raise InputError(
            f"none of {num_rejected} rows became a document; see --text-field and --id-field (first: {said})"
        )
