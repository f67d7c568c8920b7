"""The ledger: pieces of jobs, claimed under a lease, fenced by a token, ended once. SQL is the queue of record.

A claim is one statement. Its token is greater than any before it, and every transaction of the claim's owner begins
by asking whether the token is still the newest: a worker that slept through its lease can write nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from reflectgen.store.clock import db_now
from reflectgen.store.tables import job, task

KINDS = ("plan", "reflect", "review", "export", "archive", "train")
MAX_ATTEMPTS = 5  # claims of a task in which nothing was committed, before it is left alone


# Built once: it begins nearly every transaction of a worker. It locks in order of id, as everybody has to.
_HELD = (
    select(task.c.id, task.c.token)
    .where(task.c.id.in_(bindparam("ids", expanding=True)), task.c.state == "leased")
    .order_by(task.c.id)
    .with_for_update(read=True)  # SQLite has one writer, and leaves it out
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A task that is ours until its lease runs out or somebody holds a newer token."""

    id: int
    job_id: int
    kind: str
    number: int
    token: int


@dataclass(frozen=True, slots=True)
class Doorbell:
    """What a message says: there is such a task."""

    kind: str
    task_id: int


def add(connection: Connection, job_id: int, kind: str, number: int) -> Doorbell:
    """Add a ready task; it is rung for by whoever commits."""
    values = {
        "job_id": job_id,
        "kind": kind,
        "number": number,
        "state": "ready",
        "token": 0,
        "owner": "",
        "lease_expires_at": 0.0,
        "not_before": 0.0,
        "dispatched_at": 0.0,
        "num_attempts": 0,
        "error": "",
        "created_at": db_now(),
    }
    return Doorbell(kind, connection.execute(insert(task).values(values).returning(task.c.id)).scalar_one())


def claim(connection: Connection, task_id: int, owner: str, lease_seconds: float) -> Claim | None:
    """Claim one task; None where it is another's, done, quarantined, not yet due, or its job is held."""
    return _claim(connection, task.c.id == task_id, owner, lease_seconds)


def claim_next(connection: Connection, job_id: int, kind: str, owner: str, lease_seconds: float) -> Claim | None:
    """Claim the first task of a kind that a job has to offer."""
    first = (
        select(task.c.id)
        .where(task.c.job_id == job_id, task.c.kind == kind, _is_due())
        .order_by(task.c.number)
        .limit(1)
        .with_for_update(skip_locked=True)  # SQLite has one writer, and leaves it out
    )
    return _claim(connection, task.c.id == first.scalar_subquery(), owner, lease_seconds)


def _claim(connection: Connection, which: ColumnElement[bool], owner: str, lease_seconds: float) -> Claim | None:
    statement = (
        update(task)
        .where(which, _is_due(), task.c.num_attempts < MAX_ATTEMPTS, _job_is_free())
        .values(
            state="leased",
            token=task.c.token + 1,
            owner=owner,
            lease_expires_at=db_now() + lease_seconds,
            num_attempts=task.c.num_attempts + 1,
        )
        .returning(task.c.id, task.c.job_id, task.c.kind, task.c.number, task.c.token)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else Claim(*row)


def is_held(connection: Connection, claims: Sequence[Claim], lease_seconds: float, *, progress: bool) -> bool:
    """Extend the leases of `claims`; False, and nothing is to be written, if one of them is no longer theirs.

    With `progress` something is about to be committed: the attempts before it do not count any more.
    """
    values: dict[str, Any] = {"lease_expires_at": db_now() + lease_seconds}
    if progress:
        values["num_attempts"] = 0
    return _update_own(connection, claims, values) == len(claims)


def held_fast(connection: Connection, claims: Sequence[Claim]) -> list[Claim]:
    """Return those of `claims` that are still theirs; nobody else can claim these until the transaction ends.

    Cheaper than to extend them, and transactions of one owner do not wait for each other.
    """
    found = {(row.id, row.token) for row in connection.execute(_HELD, {"ids": [claim.id for claim in claims]})}
    return [claim for claim in claims if (claim.id, claim.token) in found]


def finish(connection: Connection, claim: Claim) -> bool:
    """End a task for good; False if it is no longer the claim's."""
    return _update_own(connection, [claim], {"state": "done", "ended_at": db_now(), "error": ""}) == 1


def release(
    connection: Connection, claims: Sequence[Claim], error: str = "", *, wait_seconds: float = 0.0, counts: bool = True
) -> None:
    """Give tasks back. Without `counts` the attempt is forgotten: what ended it was not the task's fault."""
    values: dict[str, Any] = {
        "state": "ready",
        "error": error,
        "lease_expires_at": 0.0,
        "dispatched_at": 0.0,
        "not_before": db_now() + wait_seconds,
    }
    if not counts:
        values["num_attempts"] = case((task.c.num_attempts > 0, task.c.num_attempts - 1), else_=0)
    _update_own(connection, claims, values)


def set_aside(connection: Connection, claim: Claim, error: str) -> bool:
    """Quarantine a task at once: no further attempt would end otherwise; False if it is no longer the claim's."""
    return _update_own(connection, [claim], {"state": "quarantined", "error": error, "ended_at": db_now()}) == 1


def call_off(connection: Connection, job_id: int, kind: str, number: int) -> None:
    """End a task that nobody wants any more, whoever is at it: its worker finds that the lease is lost."""
    where = (task.c.job_id == job_id, task.c.kind == kind, task.c.number == number, task.c.state != "done")
    connection.execute(update(task).where(*where).values(state="done", ended_at=db_now(), error=""))


def _update_own(connection: Connection, claims: Sequence[Claim], values: dict[str, Any]) -> int:
    if not claims:
        return 0
    own = tuple_(task.c.id, task.c.token).in_([(claim.id, claim.token) for claim in claims])
    return connection.execute(update(task).where(own, task.c.state == "leased").values(values)).rowcount


def quarantine_hopeless(connection: Connection) -> list[tuple[int, str, int, str]]:
    """Set aside tasks whose every attempt ended without a single answer kept: job, kind, number, error of each."""
    error = case((task.c.error == "", f"{MAX_ATTEMPTS} workers in a row died over it"), else_=task.c.error)
    statement = (
        update(task)
        .where(_is_due(), task.c.num_attempts >= MAX_ATTEMPTS)
        .values(state="quarantined", error=error, ended_at=db_now())
        .returning(task.c.job_id, task.c.kind, task.c.number, task.c.error)
    )
    return [tuple(row) for row in connection.execute(statement)]


def reopen_quarantined(connection: Connection, job_id: int) -> int:
    """Give a job's quarantined tasks a fresh start; return how many there were."""
    where = (task.c.job_id == job_id, task.c.state == "quarantined")
    fresh = {"state": "ready", "num_attempts": 0, "not_before": 0.0, "dispatched_at": 0.0, "ended_at": None}
    return connection.execute(update(task).where(*where).values(fresh)).rowcount


def due(connection: Connection, kind: str, limit: int) -> list[Doorbell]:
    """Return tasks to ring for, those first that were not rung for, or longest ago."""
    query = (
        select(task.c.id)
        .where(task.c.kind == kind, _is_due(), task.c.num_attempts < MAX_ATTEMPTS, _job_is_free())
        .order_by(task.c.dispatched_at, task.c.id)
        .limit(limit)
    )
    ids = list(connection.scalars(query))
    if ids:
        connection.execute(update(task).where(task.c.id.in_(ids)).values(dispatched_at=db_now()))
    return [Doorbell(kind, task_id) for task_id in ids]


def is_any_open(connection: Connection, job_id: int, kind: str) -> bool:
    """Whether a job has a task of a kind that is neither done nor quarantined."""
    where = (task.c.job_id == job_id, task.c.kind == kind, task.c.state != "done", task.c.state != "quarantined")
    return connection.execute(select(task.c.id).where(*where).limit(1)).first() is not None


def is_any_leased(connection: Connection, job_id: int) -> bool:
    """Whether a worker is at work on a job, or was a moment ago."""
    where = (task.c.job_id == job_id, task.c.state == "leased", task.c.lease_expires_at >= db_now())
    return connection.execute(select(task.c.id).where(*where).limit(1)).first() is not None


def is_any_quarantined(connection: Connection, job_id: int) -> bool:
    where = (task.c.job_id == job_id, task.c.state == "quarantined")
    return connection.execute(select(task.c.id).where(*where).limit(1)).first() is not None


def state_of(connection: Connection, job_id: int, kind: str, number: int = 0) -> str | None:
    """Return the state of one task; None: there is no such task."""
    where = (task.c.job_id == job_id, task.c.kind == kind, task.c.number == number)
    return connection.execute(select(task.c.state).where(*where)).scalar_one_or_none()


def next_number(connection: Connection, job_id: int, kind: str) -> int:
    """Return the number that a job's next task of a kind is to have; the job's row is to be locked."""
    where = (task.c.job_id == job_id, task.c.kind == kind)
    newest = connection.execute(select(func.max(task.c.number)).where(*where)).scalar_one()
    return 0 if newest is None else newest + 1


def counts(connection: Connection, job_id: int) -> dict[tuple[str, str], int]:
    """Return how many tasks a job has, by kind and state."""
    columns = (task.c.kind, task.c.state)
    query = select(*columns, func.count()).where(task.c.job_id == job_id).group_by(*columns)
    return {(kind, state): number for kind, state, number in connection.execute(query)}


def errors_of_quarantined(connection: Connection, job_id: int, kind: str) -> list[tuple[int, str]]:
    """Return number and error of each of a job's quarantined tasks of a kind."""
    where = (task.c.job_id == job_id, task.c.kind == kind, task.c.state == "quarantined")
    return [(row.number, row.error) for row in connection.execute(select(task.c.number, task.c.error).where(*where))]


def quarantined(connection: Connection, job_id: int, limit: int = 20) -> list[tuple[str, int, str]]:
    """Return kind, number and error of a job's quarantined tasks."""
    query = select(task.c.kind, task.c.number, task.c.error)
    query = query.where(task.c.job_id == job_id, task.c.state == "quarantined").order_by(task.c.id).limit(limit)
    return [(row.kind, row.number, row.error) for row in connection.execute(query)]


def _is_due() -> ColumnElement[bool]:
    """Ready and its time has come, or left behind by a worker that is silent for too long."""
    due = or_(
        and_(task.c.state == "ready", task.c.not_before <= db_now()),
        and_(task.c.state == "leased", task.c.lease_expires_at < db_now()),
    )
    return and_(task.c.state != "done", due)  # said twice, so that the index of what is left serves


def _job_is_free() -> ColumnElement[bool]:
    return exists().where(job.c.id == task.c.job_id, job.c.hold == "")
