"""From stage to stage: what a job of the service needs next, decided under its row's lock from what SQL counts."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Connection

from reflectgen.store import clock, events, exports, jobs, tasks
from reflectgen.store.jobs import Job
from reflectgen.store.tasks import Doorbell

FIRST_EXPORT = 0


def advance(connection: Connection, job_id: int) -> list[Doorbell]:
    """Add the task that follows when all before it are done, or end the job; return whom to ring for.

    Whoever ends a task calls it in the same transaction, and the reconciler calls it again: it finds the same.
    """
    job = jobs.lock(connection, job_id)
    if job is None or job.hold or job.state == "finished":
        return []
    if not job.ingested:
        return _stuck(connection, job) if tasks.state_of(connection, job_id, "plan") == "quarantined" else []
    if tasks.is_any_open(connection, job_id, "reflect"):
        return []
    if tasks.is_any_quarantined(connection, job_id):
        return _stuck(connection, job)
    review = tasks.state_of(connection, job_id, "review")
    if review is None:
        note(connection, job_id, "reviewing")
        return [tasks.add(connection, job_id, "review", 0)]
    exporting = tasks.state_of(connection, job_id, "export", FIRST_EXPORT)
    if review == "done" and exporting is None:
        note(connection, job_id, "exporting")
        return [add_export(connection, job, FIRST_EXPORT, {})[1]]
    if exporting == "done":
        jobs.mark_finished(connection, job_id, clock.now(connection))
        note(connection, job_id, "completed")
    return []


def add_export(connection: Connection, job: Job, number: int, options: dict[str, Any]) -> tuple[str, Doorbell]:
    """Add an export and its task; empty `options` mean those of the job's recipe. Return its public id."""
    public_id = "export_" + secrets.token_hex(12)
    exports.add(connection, job.id, number, public_id, options)
    return public_id, tasks.add(connection, job.id, "export", number)


def hold(connection: Connection, job_id: int, kind: str, error: str = "") -> None:
    """Hold a job (`paused`, `cancelled`, `failed`), and say so to those who follow it."""
    jobs.set_hold(connection, job_id, kind, error)
    note(connection, job_id, kind, error=error)


def note(connection: Connection, job_id: int, kind: str, **body: Any) -> None:
    """Tell those who follow a job what happened."""
    events.add(connection, job_id, kind, body, clock.now(connection))


def _stuck(connection: Connection, job: Job) -> list[Doorbell]:
    """Pause a job in which nothing is left to do but what was set aside; a plan that cannot be made ends it."""
    ((what, number, error),) = tasks.quarantined(connection, job.id, limit=1)
    said = f"{what} {number} was set aside: {error}"
    hold(connection, job.id, "failed" if what == "plan" else "paused", f"{said}; see its tasks, then retry")
    return []
