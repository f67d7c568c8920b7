"""What people do with jobs of the service: submit, hold, resume, retry, ask for an export. Each is one transaction."""

from __future__ import annotations

import secrets
from typing import Literal

from sqlalchemy import Connection, select

from reflectgen import __version__
from reflectgen.errors import InputError, RecipeError
from reflectgen.jobs.advance import add_export, advance, hold, note
from reflectgen.jobs.export_request import ExportOptions
from reflectgen.jobs.queue import Queue
from reflectgen.jobs.registry import Registry
from reflectgen.jobs.request import JobRequest, submitted
from reflectgen.store import Store, exports, jobs, tasks
from reflectgen.store.jobs import Job
from reflectgen.store.tables import corpus
from reflectgen.store.tasks import Doorbell
from reflectgen.traces import trace_job

Status = Literal["validating", "in_progress", "finalizing", "completed", "paused", "cancelling", "cancelled", "failed"]


def submit(store: Store, queue: Queue, registry: Registry, request: JobRequest, *, key_id: str) -> str:
    """Add a job and ring for its plan; return its public id.

    Raises:
        InputError: there is no such corpus.
        RecipeError: the recipe cannot be used.
    """
    with store.write() as connection:
        public_id, bell = add_job(connection, registry, request, key_id=key_id)
    queue.ring([bell])
    return public_id


def add_job(connection: Connection, registry: Registry, request: JobRequest, *, key_id: str) -> tuple[str, Doorbell]:
    """Add a job in the caller's transaction, who rings once that is committed.

    Raises:
        InputError, RecipeError: see `submit`.
    """
    # Locked against being deleted until the job is there.
    query = select(corpus.c.path).where(corpus.c.public_id == request.corpus).with_for_update(read=True)
    path = connection.execute(query).scalar_one_or_none()
    if path is None:
        raise InputError(f"there is no corpus {request.corpus}; upload one first")
    kept = submitted(request, registry, (path,))
    public_id = "job_" + secrets.token_hex(12)
    job_id = jobs.submit(connection, public_id, key_id, kept.model_dump(mode="json"), __version__)
    note(connection, job_id, "submitted", corpus=request.corpus)
    trace_job(public_id)
    return public_id, tasks.add(connection, job_id, "plan", 0)


def stop(store: Store, public_id: str, kind: Literal["paused", "cancelled"]) -> None:
    """Pause or cancel a job; workers notice within a few seconds, and keep what was answered.

    Raises:
        InputError: there is no such job.
        RecipeError: it has ended.
    """
    with store.write() as connection:
        job = find_job(connection, public_id)
        if job.state == "finished" or job.hold in ("cancelled", "failed"):
            raise RecipeError(f"{public_id} has ended ({job.hold or 'completed'}); there is nothing to stop")
        if job.hold != kind:
            hold(connection, job.id, kind)


def resume(store: Store, queue: Queue, public_id: str) -> None:
    """Let a paused job go on.

    Raises:
        InputError: there is no such job.
        RecipeError: it is not paused.
    """
    with store.write() as connection:
        job = find_job(connection, public_id)
        if job.hold != "paused":
            raise RecipeError(f"{public_id} is not paused but {status_of(connection, job)}")
        bells = _let_go(connection, job.id)
    queue.ring(bells)


def retry(store: Store, queue: Queue, public_id: str) -> int:
    """Give everything that was set aside a fresh start, and let the job go on; return how many tasks that were.

    Raises:
        InputError: there is no such job.
        RecipeError: nothing was set aside, and the job has not failed.
    """
    with store.write() as connection:
        job = find_job(connection, public_id)
        number = tasks.reopen_quarantined(connection, job.id)
        if not number and job.hold != "failed":
            raise RecipeError(f"{public_id} has nothing to retry; it is {status_of(connection, job)}")
        bells = _let_go(connection, job.id)
    queue.ring(bells)
    return number


def request_export(store: Store, queue: Queue, public_id: str, options: ExportOptions) -> str:
    """Ask for one more export of a finished job; return its public id.

    Raises:
        InputError: there is no such job.
        RecipeError: it is not finished.
    """
    with store.write() as connection:
        job = find_job(connection, public_id)
        if job.state != "finished" or job.hold:
            raise RecipeError(f"{public_id} is not completed but {status_of(connection, job)}; export it then")
        number = exports.next_number(connection, job.id)
        export_id, bell = add_export(connection, job, number, options.model_dump(mode="json"))
    queue.ring([bell])
    return export_id


def request_archive(store: Store, queue: Queue, public_id: str) -> None:
    """Have the reflections of a finished job moved out of the database; asked for again meanwhile, it is done once.

    Raises:
        InputError: there is no such job.
        RecipeError: it is not finished, or an export or a training is made of it, which would bring them back.
    """
    with store.write() as connection:
        job = find_job(connection, public_id)
        if job.state != "finished" or job.hold:
            raise RecipeError(f"{public_id} is not completed but {status_of(connection, job)}; archive it then")
        if tasks.is_any_open(connection, job.id, "export"):
            raise RecipeError(f"an export of {public_id} is being made; archive it after that")
        if tasks.is_any_open(connection, job.id, "train"):
            raise RecipeError(f"a training of {public_id} is waiting or under way; archive it after that")
        if tasks.is_any_open(connection, job.id, "archive"):
            return
        bell = tasks.add(connection, job.id, "archive", tasks.next_number(connection, job.id, "archive"))
        note(connection, job.id, "archiving")
    queue.ring([bell])


def status_of(connection: Connection, job: Job) -> Status:
    """Return a job's state in the words of OpenAI's Batch API, with `paused` added."""
    if job.hold == "cancelled":
        return "cancelling" if tasks.is_any_leased(connection, job.id) else "cancelled"
    if job.hold == "failed":
        return "failed"
    if job.hold == "paused":
        return "paused"
    if job.state == "finished":
        return "completed"
    if not job.ingested and not tasks.state_of(connection, job.id, "reflect"):
        return "validating"
    return "in_progress" if tasks.state_of(connection, job.id, "review") is None else "finalizing"


def _let_go(connection: Connection, job_id: int) -> list[Doorbell]:
    jobs.set_hold(connection, job_id, "")
    note(connection, job_id, "resumed")
    return advance(connection, job_id)


def find_job(connection: Connection, public_id: str, *, lock: bool = True) -> Job:
    """Return a job, locked unless told otherwise.

    Raises:
        InputError: there is none of this id.
    """
    job = jobs.find(connection, public_id, lock=lock)
    if job is None:
        raise InputError(f"there is no job {public_id}")
    return job
