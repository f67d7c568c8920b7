"""A job's folder: its store, its lock, its files; and beginning a job there or going on with it.

OUT/reflectgen.sqlite   the store
OUT/corpus, OUT/chunks  corpus shards
OUT/rejects.jsonl       rows that became no document
OUT/disagreements.jsonl a sample of chunks on which guard and teacher differ
OUT/export              what trainers read
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reflectgen import __version__
from reflectgen.corpus.read import Source
from reflectgen.errors import InputError, OutputError, RecipeError
from reflectgen.jobs.archive import restore_job
from reflectgen.jobs.recipe import Recipe, differences
from reflectgen.shards import cannot_write, remove_partials
from reflectgen.store import Store, jobs, partitions, reflections

STORE = "reflectgen.sqlite"
CORPUS, CHUNKS = "corpus", "chunks"
EXPORT = "export"
REJECTS = "rejects.jsonl"


def salt_of(folder: Path) -> str:
    """Return what keeps this job's prompts apart from others' in a server's prefix cache; the same for every run."""
    return "reflectgen-" + hashlib.blake2b(os.fsencode(folder.absolute()), digest_size=12).hexdigest()


@contextmanager
def job_folder(folder: Path) -> Iterator[Store]:
    """Open or make a job's folder for work, alone in it.

    Raises:
        OutputError: it cannot be written, or holds something that is not ours.
        RecipeError: another run is at work in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / STORE).exists() and any(path.name != ".lock" for path in folder.iterdir()):
            raise OutputError(f"{folder} is not empty and holds no job; name a new folder with --out")
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise cannot_write(folder, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecipeError(f"another run is at work in {folder}; wait for it or name another --out") from error
        for part in (CORPUS, CHUNKS, EXPORT):
            remove_partials(folder / part)  # of a run that was killed
        with Store(folder / STORE) as store:
            yield store


@contextmanager
def existing_job(folder: Path) -> Iterator[tuple[Store, jobs.Job]]:
    """Open the job in a folder to read it, also while it runs.

    Raises:
        InputError: there is none.
    """
    if not (folder / STORE).is_file():
        raise InputError(f"{folder} holds no job; name the folder that was given to `reflectgen run --out`")
    with Store(folder / STORE) as store:
        with store.read() as connection:
            job = jobs.latest(connection)
        if job is None:
            raise InputError(f"the job in {folder} was never begun; run it again")
        restore_job(store, job.id, folder)
        yield store, job


def begin_or_resume(
    store: Store, folder: Path, inputs: Sequence[str], sources: Sequence[Source] | None, recipe: Recipe
) -> jobs.Job:
    """Begin a job, or go on with the one that is there.

    `sources` may be None where the inputs have gone: a job that has read them to the end needs them no more. A job
    that was begun with other options or inputs and holds no reflection yet, such as one with a mistyped field name,
    gives way to the new one.

    Raises:
        RecipeError: the job there has other options or inputs.
        InputError: an input changed before it was read to its end, or has gone.
    """
    with store.read() as connection:
        job = jobs.latest(connection)
    if job is None:
        return _begin(store, inputs, sources or (), recipe)
    changed = list(differences(job.recipe, json.loads(recipe.model_dump_json())))
    if list(job.inputs) != list(inputs):
        changed.append(f"inputs were {_list(job.inputs)}")
    if changed:
        with store.read() as connection:
            if reflections.any_kept(connection, job.id):
                said = "; ".join(changed[:4]) + (f"; and {len(changed) - 4} more" if len(changed) > 4 else "")
                raise RecipeError(f"the job in {folder} differs ({said}); use what it was begun with, or another --out")
        _discard(store, folder, job)
        return _begin(store, inputs, sources or (), recipe)
    if not job.ingested:
        _refuse_changed_sources(store, job, sources)
    return job


def _begin(store: Store, inputs: Sequence[str], sources: Sequence[Source], recipe: Recipe) -> jobs.Job:
    rows = [jobs.SourceRow(n, s.path, s.format, s.size_bytes, s.stamp) for n, s in enumerate(sources)]
    dump = json.loads(recipe.model_dump_json())
    with store.write() as connection:
        jobs.create(connection, inputs, dump, recipe.sha256, rows, __version__, time.time())
        job = jobs.latest(connection)
    assert job is not None
    return job


def _discard(store: Store, folder: Path, job: jobs.Job) -> None:
    with store.write() as connection:
        jobs.discard(connection, job.id)
    with store.write() as connection:
        partitions.sweep(connection)
    for name in (CORPUS, CHUNKS, EXPORT):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / REJECTS).unlink(missing_ok=True)


def _refuse_changed_sources(store: Store, job: jobs.Job, sources: Sequence[Source] | None) -> None:
    with store.read() as connection:
        known = jobs.sources(connection, job.id)
    if sources is None or [s.path for s in sources] != [k.path for k in known]:
        raise InputError("the inputs are not those this job began to read; bring them back, or name another --out")
    for row, source in zip(known, sources, strict=True):
        if row.stamp != source.stamp:
            raise InputError(f"{row.path} changed while this job was reading it; name another --out to start afresh")


def changed_since(store: Store, job: jobs.Job, sources: Sequence[Source]) -> str:
    """Return the path of a source that is not as it was when the job read its inputs to the end, or nothing."""
    with store.read() as connection:
        known = {row.path: row.stamp for row in jobs.sources(connection, job.id)}
    changed = (source.path for source in sources if known.get(source.path) != source.stamp)
    return next(changed, "") if job.ingested else ""


def _list(inputs: Sequence[str]) -> str:
    return ", ".join(inputs[:3]) + (" ..." if len(inputs) > 3 else "")
