"""What a job asked of its endpoints, over all its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, select

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


def add_usage(connection: Connection, job_id: int, used: Sequence[Usage]) -> None:
    """Add to what is there."""
    statement = insert_into(connection, usage)
    counted = ("num_calls", "prompt_tokens", "completion_tokens", "seconds")
    sums = {name: usage.c[name] + statement.excluded[name] for name in counted}
    upsert = statement.on_conflict_do_update(index_elements=["job_id", "role", "endpoint"], set_=sums)
    if used:
        connection.execute(upsert, [{"job_id": job_id, **asdict(one)} for one in used])


def usage_of(connection: Connection, job_id: int) -> list[Usage]:
    """Return what was used, by role and endpoint."""
    columns = [usage.c[name] for name in Usage.__slots__]
    query = select(*columns).where(usage.c.job_id == job_id).order_by(usage.c.role, usage.c.endpoint)
    return [Usage(*row) for row in connection.execute(query)]
