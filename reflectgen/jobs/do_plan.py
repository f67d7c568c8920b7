"""The first task of a submitted job: find its models and sources, and read the corpus into shards, each with a task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection

from reflectgen.corpus.chunk import make_chunker
from reflectgen.corpus.guarded import read_rows_guarded, wants_guard
from reflectgen.corpus.ingest import ingest
from reflectgen.corpus.read import ReadOptions, Source, read_rows
from reflectgen.corpus.sources import find_sources
from reflectgen.errors import InputError, RecipeError
from reflectgen.jobs.finish import write_rejects
from reflectgen.jobs.queue import Queue
from reflectgen.jobs.session import Session
from reflectgen.records import Document, RejectedRow
from reflectgen.store import Store, corpus, jobs, tasks
from reflectgen.store.jobs import Job
from reflectgen.store.tasks import Doorbell


async def plan(store: Store, queue: Queue, job: Job, session: Session, folder: Path, stop: asyncio.Event) -> bool:
    """Bring every row of the corpus into a shard or among the rejected ones; return False if stopped before.

    Stopped anywhere and called again it goes on where it was.

    Raises:
        InputError: the corpus is gone, changed while it was read, or holds no document.
        OutputError: the folder or the store cannot be written.
    """
    if not job.ingested:
        sources, _ = await asyncio.to_thread(find_sources, session.submitted.inputs)
        if not job.recipe:
            rows = [jobs.SourceRow(n, s.path, s.format, s.size_bytes, s.stamp) for n, s in enumerate(sources)]
            with store.write() as connection:
                jobs.settle_recipe(
                    connection, job.id, session.submitted.inputs, session.dump, session.recipe.sha256, rows
                )
        else:
            _refuse_changed(store, job, [(source.path, source.stamp) for source in sources])
        bells: list[Doorbell] = []

        def add_task(connection: Connection, shard: corpus.Shard) -> None:
            bells.append(tasks.add(connection, job.id, "reflect", shard.number))

        chunker = make_chunker(session.recipe.chunks)
        fresh = ingest(store, job.id, sources, session.recipe.read, chunker, folder, also_keep=add_task, read=_read)
        while await asyncio.to_thread(next, fresh, None) is not None:
            queue.ring(bells)
            bells.clear()
            if stop.is_set():
                return False
    _refuse_empty(store, job.id)
    await asyncio.to_thread(write_rejects, store, job.id, folder)
    return True


def _read(source: Source, options: ReadOptions, skip_rows: int) -> Iterator[Document | RejectedRow]:
    """Read a stranger's file: where a decoder could be deceived, in a process that may be killed for it."""
    read = read_rows_guarded if wants_guard(source) else read_rows
    return read(source, options, skip_rows)


def _refuse_changed(store: Store, job: Job, found: list[tuple[str, str]]) -> None:
    with store.read() as connection:
        known = [(row.path, row.stamp) for row in jobs.sources(connection, job.id)]
    if known != found:
        raise InputError("the corpus changed while it was being read; upload it again and submit a new job")


def _refuse_empty(store: Store, job_id: int) -> None:
    with store.read() as connection:
        if corpus.num_shards(connection, job_id):
            return
        first = next(corpus.rejected_rows(connection, job_id), None)
    if first is None:
        raise RecipeError("the corpus holds no row at all")
    raise RecipeError(f"no row became a document (first: line {first.line}, {first.reason}: {first.detail})")
