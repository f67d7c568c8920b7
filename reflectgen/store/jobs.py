"""What a person asked for, and how far its sources were read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from reflectgen.store.tables import job, metadata, source


@dataclass(frozen=True, slots=True)
class Job:
    id: int
    state: str
    ingested: bool
    inputs: tuple[str, ...]
    recipe: dict[str, Any]
    recipe_sha256: str
    code_version: str
    created_at: float


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as a job knows it: `num_rows` were read so far, bad ones included."""

    number: int
    path: str
    format: str
    size_bytes: int | None
    stamp: str
    num_rows: int = 0
    finished: bool = False


def create(
    connection: Connection,
    inputs: Sequence[str],
    recipe: Mapping[str, Any],
    recipe_sha256: str,
    sources: Sequence[SourceRow],
    code_version: str,
    now: float,
) -> int:
    """Add a job with its sources and return its id."""
    values = {
        "state": "running",
        "ingested": False,
        "inputs": json.dumps(list(inputs)),
        "recipe": json.dumps(recipe),
        "recipe_sha256": recipe_sha256,
        "code_version": code_version,
        "created_at": now,
    }
    job_id: int = connection.execute(insert(job).values(values).returning(job.c.id)).scalar_one()
    connection.execute(insert(source), [{"job_id": job_id, **_columns(row)} for row in sources])
    return job_id


def latest(connection: Connection) -> Job | None:
    """Return the newest job, if there is one."""
    row = connection.execute(select(job).order_by(job.c.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    inputs, recipe = tuple(json.loads(row.inputs)), json.loads(row.recipe)
    return Job(
        id=row.id,
        state=row.state,
        ingested=row.ingested,
        inputs=inputs,
        recipe=recipe,
        recipe_sha256=row.recipe_sha256,
        code_version=row.code_version,
        created_at=row.created_at,
    )


def sources(connection: Connection, job_id: int) -> list[SourceRow]:
    """Return a job's sources in the order in which they are read."""
    columns = (source.c.number, source.c.path, source.c.format, source.c.size_bytes, source.c.stamp)
    query = select(*columns, source.c.num_rows, source.c.finished).where(source.c.job_id == job_id)
    return [SourceRow(*row) for row in connection.execute(query.order_by(source.c.number))]


def advance_source(connection: Connection, job_id: int, number: int, num_rows: int, finished: bool) -> None:
    """Note how many rows of a source have been read for good."""
    where = (source.c.job_id == job_id, source.c.number == number)
    connection.execute(update(source).where(*where).values(num_rows=num_rows, finished=finished))


def mark_ingested(connection: Connection, job_id: int) -> None:
    connection.execute(update(job).where(job.c.id == job_id).values(ingested=True))


def mark_finished(connection: Connection, job_id: int, now: float) -> None:
    connection.execute(update(job).where(job.c.id == job_id).values(state="finished", finished_at=now))


def discard(connection: Connection, job_id: int) -> None:
    """Remove a job and every row that belongs to it."""
    for table in reversed(metadata.sorted_tables):
        if "job_id" in table.c:
            connection.execute(delete(table).where(table.c.job_id == job_id))
    connection.execute(delete(job).where(job.c.id == job_id))


def _columns(row: SourceRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
