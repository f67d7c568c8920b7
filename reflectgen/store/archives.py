"""Which shards' reflections have left the database for a file, and the rows on their way out and back.

A shard's reflections are in the database or in its file, never in both and never in neither: one transaction moves
them and says so on the shard's row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from reflectgen.store.reflections import FREE_TEXT, ReflectionRow, load
from reflectgen.store.streaming import streamed
from reflectgen.store.tables import reflection, shard
from reflectgen.store.text import from_stored, to_stored


@dataclass(frozen=True, slots=True)
class Archive:
    """A file, named within the job's folder, that holds all answers about a shard."""

    shard: int
    file: str
    sha256: str


def archived(connection: Connection, job_id: int, number: int | None = None) -> list[Archive]:
    """Return the archives of a job by shard, or that of one shard."""
    query = select(shard.c.number, shard.c.archive_file, shard.c.archive_sha256)
    query = query.where(shard.c.job_id == job_id, shard.c.archive_file != "")
    if number is not None:
        query = query.where(shard.c.number == number)
    return [Archive(*row) for row in connection.execute(query.order_by(shard.c.number))]


def is_any_archived(connection: Connection, job_id: int) -> bool:
    query = select(shard.c.number).where(shard.c.job_id == job_id, shard.c.archive_file != "").limit(1)
    return connection.execute(query).first() is not None


def answers(connection: Connection, job_id: int, number: int) -> Iterator[dict[str, Any]]:
    """Yield all answers about a shard by place and revision, their texts as no file refuses them."""
    places = (reflection.c.document, reflection.c.chunk, reflection.c.revision)
    query = select(reflection).where(reflection.c.job_id == job_id, reflection.c.shard == number).order_by(*places)
    for row in streamed(connection, query):
        yield {**row._mapping, **{name: to_stored(row._mapping[name]) for name in FREE_TEXT}}


def is_named(connection: Connection, job_id: int, file: str) -> bool:
    """Whether a job's shard has its reflections in this file."""
    query = select(shard.c.number).where(shard.c.job_id == job_id, shard.c.archive_file == file).limit(1)
    return connection.execute(query).first() is not None


def move_out(connection: Connection, job_id: int, archive: Archive, num_answers: int) -> bool:
    """Delete what `archive` holds; False, and nothing is done, if an answer came to the shard since it was written."""
    held = (reflection.c.job_id == job_id, reflection.c.shard == archive.shard)
    if connection.execute(select(func.count()).where(*held)).scalar_one() != num_answers:
        return False
    connection.execute(delete(reflection).where(*held))
    _note(connection, job_id, archive)
    return True


def move_in(connection: Connection, job_id: int, archive: Archive, rows: Sequence[dict[str, Any]]) -> None:
    """Bring back what `archive` holds; the job keeps its number, whichever it had when the file was written."""
    load(connection, [_as_it_was(job_id, row) for row in rows])
    _note(connection, job_id, Archive(archive.shard, "", ""))


def _as_it_was(job_id: int, row: dict[str, Any]) -> ReflectionRow:
    return {**row, "job_id": job_id, **{name: from_stored(row[name]) for name in FREE_TEXT}}


def _note(connection: Connection, job_id: int, archive: Archive) -> None:
    where = (shard.c.job_id == job_id, shard.c.number == archive.shard)
    values = {"archive_file": archive.file, "archive_sha256": archive.sha256}
    connection.execute(update(shard).where(*where).values(values))
