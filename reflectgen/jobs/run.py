"""The whole journey of one job on one machine: read, reflect, review, export; stopped anywhere, it goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reflectgen import __version__
from reflectgen.corpus.chunk import make_chunker
from reflectgen.corpus.ingest import ingest
from reflectgen.corpus.read import Source
from reflectgen.errors import InputError
from reflectgen.filters.boilerplate import RepeatedBoilerplate
from reflectgen.filters.chain import from_spec
from reflectgen.jobs.committer import Committer
from reflectgen.jobs.finish import export_job, write_rejects
from reflectgen.jobs.folder import EXPORT
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.recipe import Recipe
from reflectgen.jobs.reflect import Reflecting
from reflectgen.jobs.review import review
from reflectgen.jobs.settle import Desk, ProvenanceIds
from reflectgen.reflection.roles import Guard, Teacher
from reflectgen.store import Store, corpus, jobs, reflections
from reflectgen.store.counts import count_job
from reflectgen.store.reflections import ReflectionRow


@dataclass(slots=True)
class Run:
    """What a run needs besides the job itself; none of it changes what the job writes."""

    store: Store
    folder: Path
    recipe: Recipe
    guard: Guard
    teacher: Teacher | None
    slots: int = 64
    strict: bool = False  # stop at the first bad row
    progress: Progress = field(default_factory=Progress)
    clock: Callable[[], float] = time.time

    @property
    def asks_endpoints(self) -> bool:
        """Whether there are calls to wait for, which other work must not hold up."""
        return bool(self.guard.provenance.endpoint or (self.teacher and self.teacher.provenance.endpoint))


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
    desk = _desk(run, job)
    _note_earlier_work(run, job)
    reflecting = Reflecting(run.store, run.folder, desk, run.guard, run.slots, stop)
    await reflecting.run(_shards(run, job, sources, stop))
    if stop.is_set():
        return False
    run.progress.stage = "reviewing"
    await review(run.store, run.folder, desk, RepeatedBoilerplate(run.recipe.max_repeats), run.slots, stop)
    if stop.is_set():
        return False
    run.progress.stage = "exporting"
    recipe = run.recipe
    await asyncio.to_thread(
        export_job, run.store, job, run.folder, run.folder / EXPORT, recipe.formats, recipe.form, run.progress
    )
    with run.store.write() as connection:
        jobs.mark_finished(connection, job.id, run.clock())
    run.progress.stage = "done"
    return True


async def _shards(
    run: Run, job: jobs.Job, sources: Sequence[Source], stop: asyncio.Event
) -> AsyncIterator[corpus.Shard]:
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
        chunker = make_chunker(run.recipe.chunks)
        fresh = ingest(run.store, job.id, sources, run.recipe.read, chunker, run.folder)
        following = _following(run, fresh)
        while (added := await following) is not None:
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


def _desk(run: Run, job: jobs.Job) -> Desk:
    guard = replace(run.guard.provenance, code_version=__version__)
    teacher = replace(run.teacher.provenance, code_version=__version__) if run.teacher else guard
    with run.store.write() as connection:
        ids = ProvenanceIds(
            guard=reflections.provenance_id(connection, guard),
            teacher=reflections.provenance_id(connection, teacher),
            template=reflections.provenance_id(connection, replace(guard, role="template")),
        )

    def keep(rows: Sequence[ReflectionRow]) -> None:
        with run.store.write() as connection:
            reflections.add(connection, rows)

    return Desk(
        job_id=job.id,
        teacher=run.teacher,
        provenance_ids=ids,
        filters=from_spec(run.recipe.filters),
        max_attempts=run.recipe.max_attempts,
        committer=Committer(keep, in_thread=run.asks_endpoints),
        progress=run.progress,
        clock=run.clock,
    )


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
