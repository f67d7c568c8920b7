"""What a person asked for, and how far its sources were read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from reflectgen.store import partitions
from reflectgen.store.clock import db_now
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
    public_id: str | None = None
    key_id: str | None = None
    request: dict[str, Any] | None = None
    hold: str = ""
    error: str = ""
    finished_at: float | None = None


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
    job_id = _add(connection, values)
    connection.execute(insert(source), [{"job_id": job_id, **_columns(row)} for row in sources])
    return job_id


def submit(connection: Connection, public_id: str, key_id: str, request: Mapping[str, Any], code_version: str) -> int:
    """Add a job of the service, of which no more is known than what was submitted; return its id."""
    values = {
        "state": "running",
        "ingested": False,
        "inputs": "[]",
        "recipe": "{}",
        "recipe_sha256": "",
        "code_version": code_version,
        "created_at": db_now(),
        "public_id": public_id,
        "key_id": key_id,
        "request": json.dumps(request),
    }
    return _add(connection, values)


def settle_recipe(
    connection: Connection,
    job_id: int,
    inputs: Sequence[str],
    recipe: Mapping[str, Any],
    sha256: str,
    found: Sequence[SourceRow],
) -> None:
    """Note what a submitted job reads and how, once its models and sources are known."""
    values = {"inputs": json.dumps(list(inputs)), "recipe": json.dumps(recipe), "recipe_sha256": sha256}
    connection.execute(update(job).where(job.c.id == job_id).values(values))
    connection.execute(insert(source), [{"job_id": job_id, **_columns(row)} for row in found])


def latest(connection: Connection) -> Job | None:
    """Return the newest job, if there is one."""
    row = connection.execute(select(job).order_by(job.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else of_row(row)


def get(connection: Connection, job_id: int) -> Job | None:
    row = connection.execute(select(job).where(job.c.id == job_id)).one_or_none()
    return None if row is None else of_row(row)


def find(connection: Connection, public_id: str, *, lock: bool = False) -> Job | None:
    """Return a job of the service; with `lock` nobody else changes it until the transaction ends."""
    query = select(job).where(job.c.public_id == public_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else of_row(row)


def lock(connection: Connection, job_id: int) -> Job | None:
    """Return a job that nobody else changes until the transaction ends."""
    row = connection.execute(select(job).where(job.c.id == job_id).with_for_update()).one_or_none()
    return None if row is None else of_row(row)


def unfinished(connection: Connection) -> list[int]:
    """Return the jobs of the service that are neither finished nor held."""
    where = (job.c.public_id.is_not(None), job.c.state == "running", job.c.hold == "")
    return list(connection.scalars(select(job.c.id).where(*where).order_by(job.c.id)))


def set_hold(connection: Connection, job_id: int, hold: str, error: str = "") -> None:
    """Hold a job (`paused`, `cancelled`, `failed`), or with an empty `hold` let it go on."""
    connection.execute(update(job).where(job.c.id == job_id).values(hold=hold, error=error[:1000]))


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
    """Remove a job and every row that belongs to it; a PostgreSQL's many rows are left to `partitions.sweep`."""
    partitions.abandon(connection, job_id)
    for table in reversed(metadata.sorted_tables):
        if "job_id" in table.c and table not in partitions.PARTITIONED:
            connection.execute(delete(table).where(table.c.job_id == job_id))
    connection.execute(delete(job).where(job.c.id == job_id))


def _add(connection: Connection, values: Mapping[str, Any]) -> int:
    job_id: int = connection.execute(insert(job).values(values).returning(job.c.id)).scalar_one()
    partitions.make(connection, job_id)
    return job_id


def of_row(row: Any) -> Job:
    """Return the job that a row of table `job` is."""
    return Job(
        id=row.id,
        state=row.state,
        ingested=row.ingested,
        inputs=tuple(json.loads(row.inputs)),
        recipe=json.loads(row.recipe),
        recipe_sha256=row.recipe_sha256,
        code_version=row.code_version,
        created_at=row.created_at,
        public_id=row.public_id,
        key_id=row.key_id,
        request=None if row.request is None else json.loads(row.request),
        hold=row.hold,
        error=row.error,
        finished_at=row.finished_at,
    )


def _columns(row: SourceRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
