"""A finished job's reflections, shard by shard, out of the database into files beside the corpus shards, and back.

DIR/reflections/00003-5d2c90f1a7be.parquet   every answer about the shard, with all revisions

Whoever looks at an archived job brings its shards back first; who reviews one reflection, its shard alone. What is
added to them then goes into the next archive, under another name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import BigInteger, Connection, Float, Integer, LargeBinary

from reflectgen.errors import RecipeError, VerificationError
from reflectgen.shards import ShardFile, write_reflections
from reflectgen.store import Store, archives, corpus, jobs
from reflectgen.store.archives import Archive
from reflectgen.store.tables import reflection

ROWS_AT_A_TIME = 10_000
_TYPES = {Integer: pa.int64(), BigInteger: pa.int64(), Float: pa.float64(), LargeBinary: pa.binary()}
SCHEMA = pa.schema([(column.name, _TYPES.get(type(column.type), pa.string())) for column in reflection.c])


def archive_job(store: Store, job: jobs.Job, folder: Path, is_to_stop: Callable[[], bool] = lambda: False) -> int:
    """Move the reflections of a finished job into files; return how many shards it moved.

    It may stop between two shards; called again it goes on with what is left.

    Raises:
        RecipeError: the job is not finished.
        OutputError: the folder or the store cannot be written; what was moved by then is whole.
    """
    if job.state != "finished":
        raise RecipeError("the job is not finished, and its reflections are still being written; end it first")
    with store.read() as connection:
        known = {archive.shard for archive in archives.archived(connection, job.id)}
        waiting = [shard.number for shard in corpus.shards(connection, job.id) if shard.number not in known]
    num_moved = 0
    for number in waiting:
        if is_to_stop():
            break
        while not _archive(store, job.id, folder, number):  # somebody reviewed a reflection of it meanwhile
            pass
        num_moved += 1
    return num_moved


def restore_job(store: Store, job_id: int, folder: Path, shard: int | None = None) -> int:
    """Bring a job's archived reflections back, or those of one shard; return how many shards came back.

    Raises:
        VerificationError: a file is not the one that was written.
        OutputError: the store cannot be written.
    """
    with store.read() as connection:
        found = archives.archived(connection, job_id, shard)
    for archive in found:
        try:
            rows = read_archive(folder, archive).to_pylist()
        except VerificationError:
            with store.read() as connection:
                if archive in archives.archived(connection, job_id, archive.shard):
                    raise
            continue  # somebody else brought it back
        with store.write() as connection:
            jobs.lock(connection, job_id)
            if archive in archives.archived(connection, job_id, archive.shard):
                archives.move_in(connection, job_id, archive, rows)
        with store.write() as connection:
            jobs.lock(connection, job_id)
            if not archives.is_named(connection, job_id, archive.file):  # the same answers make the same file again
                (folder / archive.file).unlink(missing_ok=True)
    return len(found)


@contextmanager
def reading_all(store: Store, job_id: int, folder: Path) -> Iterator[Connection]:
    """Yield a steady view of the store in which no reflection of a job is archived, whoever archives meanwhile.

    Raises:
        VerificationError, OutputError: see `restore_job`.
    """
    while True:
        restore_job(store, job_id, folder)
        with store.read() as connection:
            if not archives.is_any_archived(connection, job_id):
                yield connection
                return


def _archive(store: Store, job_id: int, folder: Path, number: int) -> bool:
    num_answers = 0

    def tables(rows: Iterator[dict[str, Any]]) -> Iterator[pa.Table]:
        nonlocal num_answers
        while some := list(islice(rows, ROWS_AT_A_TIME)):
            num_answers += len(some)
            yield pa.Table.from_pylist(some, schema=SCHEMA)

    with store.read() as connection:
        written = write_reflections(folder, number, SCHEMA, tables(archives.answers(connection, job_id, number)))
    with store.write() as connection:
        jobs.lock(connection, job_id)
        if not (folder / written.name).is_file():  # somebody removed one of the same bytes that was brought back
            return False
        return archives.move_out(connection, job_id, _archive_of(number, written), num_answers)


def _archive_of(number: int, written: ShardFile) -> Archive:
    return Archive(number, written.name, written.sha256)


def read_archive(folder: Path, archive: Archive) -> pa.Table:
    """Return all answers about a shard, by chunk and revision.

    Raises:
        VerificationError: the file is not there, or not the one that was written.
    """
    try:
        with (folder / archive.file).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise VerificationError(f"{archive.file} cannot be read: {error.strerror}; bring it back") from error
    if found != archive.sha256:
        raise VerificationError(f"{archive.file}: its SHA-256 is not the store's; bring back the file that was written")
    return pq.read_table(folder / archive.file, schema=SCHEMA)
