"""What happened to a job, numbered from 1 without gaps, so that whoever follows it misses nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from reflectgen.store.tables import event, job

AT_A_TIME = 100


@dataclass(frozen=True, slots=True)
class Event:
    number: int
    kind: str
    body: dict[str, Any]
    created_at: float


def add(connection: Connection, job_id: int, kind: str, body: Mapping[str, Any], now: float) -> int:
    """Add an event under the job's lock, so that a lower number is never seen after a higher one; return its number."""
    connection.execute(select(job.c.id).where(job.c.id == job_id).with_for_update())
    newest = select(func.coalesce(func.max(event.c.number), 0)).where(event.c.job_id == job_id)
    number: int = connection.execute(newest).scalar_one() + 1
    values = {"job_id": job_id, "number": number, "kind": kind, "body": json.dumps(dict(body)), "created_at": now}
    connection.execute(insert(event).values(values))
    return number


def after(connection: Connection, job_id: int, number: int, limit: int = AT_A_TIME) -> list[Event]:
    """Return the events that follow `number`, oldest first."""
    query = select(event).where(event.c.job_id == job_id, event.c.number > number)
    rows = connection.execute(query.order_by(event.c.number).limit(limit))
    return [Event(row.number, row.kind, json.loads(row.body), row.created_at) for row in rows]
