"""What people said of reflections. Only a rejection changes what an export holds, and it does so as a revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, tuple_

from reflectgen.store.clock import db_now
from reflectgen.store.reflections import is_current
from reflectgen.store.tables import reflection, review

Place = tuple[int, int, int]  # shard, document's row in it, chunk's index in the document


@dataclass(frozen=True, slots=True)
class Review:
    revision: int
    is_accepted: bool
    reviewer: str
    reason: str
    created_at: float


def current_row(connection: Connection, job_id: int, place: Place) -> Any | None:
    """Return the row of the reflection that stands at a place, or None."""
    query = select(reflection).where(reflection.c.job_id == job_id, is_current())
    for name, value in zip(("shard", "document", "chunk"), place, strict=True):
        query = query.where(reflection.c[name] == value)
    return connection.execute(query).one_or_none()


def add(
    connection: Connection,
    job_id: int,
    place: Place,
    revision: int,
    *,
    is_accepted: bool,
    reviewer: str,
    reason: str,
    key_id: str,
) -> None:
    """Add what somebody said of a revision; the job's row is to be locked, so that numbers do not meet."""
    where = dict(zip(("job_id", "shard", "document", "chunk", "revision"), (job_id, *place, revision), strict=True))
    newest = select(func.count()).select_from(review).where(*(review.c[name] == value for name, value in where.items()))
    said = {"is_accepted": is_accepted, "reviewer": reviewer, "reason": reason, "key_id": key_id}
    number = connection.execute(newest).scalar_one()
    connection.execute(insert(review).values(**where, **said, number=number, created_at=db_now()))


def of_places(connection: Connection, job_id: int, places: Sequence[Place]) -> dict[Place, list[Review]]:
    """Return what was said at places and between them, oldest first; of those that are absent nothing was said."""
    place = tuple_(review.c.shard, review.c.document, review.c.chunk)
    # Two bounds, however many places: people say little, and a list of sixty numbers is slow to read.
    query = select(review).where(review.c.job_id == job_id, place >= min(places), place <= max(places))
    found: dict[Place, list[Review]] = {}
    for row in connection.execute(query.order_by(review.c.created_at, review.c.revision, review.c.number)):
        said = Review(row.revision, row.is_accepted, row.reviewer, row.reason, row.created_at)
        found.setdefault((row.shard, row.document, row.chunk), []).append(said)
    return found


def last_rejection_at(connection: Connection, job_ids: Sequence[int]) -> dict[int, float]:
    """Return when something of each job was last rejected; an export that was asked for before does not show it."""
    query = select(review.c.job_id, func.max(review.c.created_at))
    query = query.where(review.c.job_id.in_(list(job_ids)), review.c.is_accepted.is_(False)).group_by(review.c.job_id)
    return {row[0]: row[1] for row in connection.execute(query)}
