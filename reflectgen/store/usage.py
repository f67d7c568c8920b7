"""What a job asked of its endpoints, over all its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, case, select

from reflectgen.store.clock import db_now
from reflectgen.store.tables import usage
from reflectgen.store.upsert import insert_into


@dataclass(frozen=True, slots=True)
class Usage:
    """`seconds` is how long the endpoint was at the job's service, which is what a rented GPU costs."""

    role: str
    endpoint: str
    num_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


def add_usage(connection: Connection, job_id: int, used: Sequence[Usage], *, most_seconds: float | None = None) -> None:
    """Add to what is there.

    With `most_seconds` several workers note what they use: instead of each one's own seconds, those since anybody
    noted anything are added, at most so many, so that what is shared counts once and what is idle not at all.
    """
    if not used:
        return
    statement = insert_into(connection, usage)
    counted = ["num_calls", "prompt_tokens", "completion_tokens", "seconds"]
    sums: dict[str, Any] = {name: usage.c[name] + statement.excluded[name] for name in counted}
    sums["noted_at"] = db_now()
    if most_seconds is not None:
        since = db_now() - usage.c.noted_at
        sums["seconds"] = usage.c.seconds + case((since < 0, 0.0), (since < most_seconds, since), else_=most_seconds)
    upsert = statement.on_conflict_do_update(index_elements=["job_id", "role", "endpoint"], set_=sums)
    now = connection.execute(select(db_now())).scalar_one()
    connection.execute(upsert, [{"job_id": job_id, "noted_at": now, **asdict(one)} for one in used])


def usage_of(connection: Connection, job_id: int) -> list[Usage]:
    """Return what was used, by role and endpoint."""
    columns = [usage.c[name] for name in Usage.__slots__]
    query = select(*columns).where(usage.c.job_id == job_id).order_by(usage.c.role, usage.c.endpoint)
    return [Usage(*row) for row in connection.execute(query)]
