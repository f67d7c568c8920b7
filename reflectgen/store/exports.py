"""Exports that were asked for, and the folder of each that is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from reflectgen.store.clock import db_now
from reflectgen.store.tables import export


@dataclass(frozen=True, slots=True)
class Export:
    """`folder` lies within the job's and is empty until the export is whole; empty `options` are the recipe's."""

    job_id: int
    number: int
    public_id: str
    options: dict[str, Any]
    folder: str
    manifest_sha256: str
    created_at: float
    finished_at: float | None


def add(connection: Connection, job_id: int, number: int, public_id: str, options: Mapping[str, Any]) -> None:
    values = {"job_id": job_id, "number": number, "public_id": public_id, "options": json.dumps(dict(options))}
    values |= {"folder": "", "manifest_sha256": "", "created_at": db_now()}
    connection.execute(insert(export).values(values))


def next_number(connection: Connection, job_id: int) -> int:
    """Return the number of a job's next export; its row is to be locked meanwhile."""
    newest = select(func.max(export.c.number)).where(export.c.job_id == job_id)
    found: int | None = connection.execute(newest).scalar_one()
    return 0 if found is None else found + 1


def finish(connection: Connection, job_id: int, number: int, folder: str, manifest_sha256: str) -> None:
    """Name the folder of a whole export: from now on it is the one that counts."""
    where = (export.c.job_id == job_id, export.c.number == number)
    values = {"folder": folder, "manifest_sha256": manifest_sha256, "finished_at": db_now()}
    connection.execute(update(export).where(*where).values(values))


def get(connection: Connection, job_id: int, number: int) -> Export | None:
    where = (export.c.job_id == job_id, export.c.number == number)
    row = connection.execute(select(export).where(*where)).one_or_none()
    return None if row is None else _export(row)


def of_job(connection: Connection, job_id: int) -> list[Export]:
    """Return a job's exports in the order in which they were asked for."""
    query = select(export).where(export.c.job_id == job_id).order_by(export.c.number)
    return [_export(row) for row in connection.execute(query)]


def _export(row: Row[Any]) -> Export:
    return Export(
        row.job_id,
        row.number,
        row.public_id,
        json.loads(row.options),
        row.folder,
        row.manifest_sha256,
        row.created_at,
        row.finished_at,
    )
