"""Jobs: submitted, listed, looked at, stopped, resumed, retried, deleted."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi import Path as InPath
from sqlalchemy import Connection

from reflectgen.api import schemas as s
from reflectgen.api.access import Reader, Submitter, owner_of
from reflectgen.api.bodies import JSONRoute
from reflectgen.api.problems import Problem, documented, refused, without_places
from reflectgen.api.service import Here, Service
from reflectgen.api.views import job_view, job_views
from reflectgen.errors import InputError, RecipeError
from reflectgen.jobs import archived, service
from reflectgen.jobs.request import JobRequest
from reflectgen.store import archives, corpora, idempotency, jobs, pages
from reflectgen.store.counts import count_job
from reflectgen.store.idempotency import Asked
from reflectgen.store.jobs import Job
from reflectgen.store.keys import Key

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=JSONRoute)
ROUTE = "POST /v1/jobs"
JobId = Annotated[str, InPath(pattern=s.JOB_ID, examples=["job_0f6a1b9c2d3e4f5061728394"])]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[!-~]{1,128}$",
        description="The same key and body within two days get the same answer, and one job; another body gets 422.",
    ),
]

_under_way: set[tuple[str, str]] = set()  # keys of requests that this process is answering now
_lock = threading.Lock()


@router.post("", status_code=201, responses=documented(401, 403, 409, 413, 429))
def submit_job(
    here: Here, key: Submitter, wanted: JobRequest, response: Response, idempotency_key: IdempotencyKey = None
) -> s.JobView:
    """Submit a job: a corpus, a recipe by name or written out, and what goes with it."""
    if idempotency_key is None:
        public_id, _ = _submit(here, key, wanted, None)
        return _shown(here, public_id)
    canonical = json.dumps(wanted.model_dump(mode="json"), sort_keys=True)
    asked = Asked(key.id, ROUTE, idempotency_key, hashlib.sha256(canonical.encode()).hexdigest())
    with _alone(asked):
        public_id, replayed = _submit(here, key, wanted, asked)
        if replayed is None:
            return _shown(here, public_id)
    response.headers["Idempotent-Replayed"] = "true"
    return s.JobView.model_validate_json(replayed)


@router.get("", response_model=s.Page[s.JobView], responses=documented(401, 403, 404, 429))
async def list_jobs(
    here: Here,
    key: Reader,
    after: Annotated[str | None, Query(pattern=s.JOB_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """List jobs, the newest first."""
    return await here.lately.answer(key, ("jobs", after, limit), lambda: _page(here, key, after, limit))


@router.get("/{job_id}", response_model=s.JobView, responses=documented(401, 403, 404, 429))
async def get_job(here: Here, key: Reader, job_id: JobId) -> Response:
    """Show a job, with the chunks that are done and what its ledger says."""

    def look() -> s.JobView:
        with here.store.read() as connection:
            return job_view(connection, find_job(connection, key, job_id))

    return await here.lately.answer(key, ("job", job_id), look)


@router.get("/{job_id}/counts", responses=documented(401, 403, 404, 409, 429))
def get_counts(here: Here, key: Reader, job_id: JobId) -> s.CountsView:
    """Count a job by verdict, category, road and reason. It looks at every reflection: not for a tight loop."""
    with here.store.read() as connection:
        job = find_job(connection, key, job_id)
        folder = here.job_folder(job_id)
        beside = [archived.counts(folder, one) for one in archives.archived(connection, job.id)]
        return s.CountsView(counts=count_job(connection, job.id, beside).to_json())


@router.post("/{job_id}/cancel", responses=documented(401, 403, 404, 409, 429))
def cancel_job(here: Here, key: Submitter, job_id: JobId) -> s.JobView:
    """Stop a job for good; what was answered stays, and can be read."""
    return _after(here, key, job_id, lambda: service.stop(here.store, job_id, "cancelled"))


@router.post("/{job_id}/pause", responses=documented(401, 403, 404, 409, 429))
def pause_job(here: Here, key: Submitter, job_id: JobId) -> s.JobView:
    """Stop a job until it is resumed; workers notice within seconds."""
    return _after(here, key, job_id, lambda: service.stop(here.store, job_id, "paused"))


@router.post("/{job_id}/resume", responses=documented(401, 403, 404, 409, 429))
def resume_job(here: Here, key: Submitter, job_id: JobId) -> s.JobView:
    """Let a paused job go on."""
    return _after(here, key, job_id, lambda: service.resume(here.store, here.queue, job_id))


@router.post("/{job_id}/retry", responses=documented(401, 403, 404, 409, 429))
def retry_job(here: Here, key: Submitter, job_id: JobId) -> s.RetryView:
    """Give what was set aside a fresh start, and let the job go on."""
    numbers: list[int] = []
    shown = _after(here, key, job_id, lambda: numbers.append(service.retry(here.store, here.queue, job_id)))
    return s.RetryView(job=shown, num_tasks=numbers[0])


@router.post("/{job_id}/archive", responses=documented(401, 403, 404, 409, 429))
def archive_job(here: Here, key: Submitter, job_id: JobId) -> s.JobView:
    """Have a completed job's reflections moved out of the database, into files beside its corpus shards.

    Lists and counts read them there; a review brings back those of its shard, an export all.
    """
    return _after(here, key, job_id, lambda: service.request_archive(here.store, here.queue, job_id))


@router.delete("/{job_id}", responses=documented(401, 403, 404, 409, 429))
def delete_job(here: Here, key: Submitter, job_id: JobId) -> s.Deleted:
    """Delete a job that has ended, with its reflections, exports and files."""
    with here.store.write() as connection:
        job = find_job(connection, key, job_id)
        jobs.lock(connection, job.id)
        status = service.status_of(connection, job)
        if status not in ("completed", "cancelled", "failed"):
            raise Problem(409, f"the job is {status}; cancel it first")
        jobs.discard(connection, job.id)
    here.lately.forget()
    shutil.rmtree(here.job_folder(job_id), ignore_errors=True)
    return s.Deleted(id=job_id)


def find_job(connection: Connection, key: Key, public_id: str) -> Job:
    """Return a job that the key's owner may see.

    Raises:
        Problem: it is not there, or is another's.
    """
    return _found(pages.find_job(connection, public_id, owner_of(key)), public_id)


def _found(job: Job | None, public_id: str) -> Job:
    if job is None:
        raise Problem(404, f"there is no job {public_id}")
    return job


def _page(here: Service, key: Key, after: str | None, limit: int) -> s.Page[s.JobView]:
    with here.store.read() as connection:
        last = None if after is None else find_job(connection, key, after)
        listed = pages.jobs_page(connection, owner_of(key), last, limit + 1)
        shown = job_views(connection, listed[:limit])
    return s.page_of(shown, has_more=len(listed) > limit)


def _submit(here: Service, key: Key, wanted: JobRequest, asked: Asked | None) -> tuple[str, str | None]:
    """Add a job and keep the answer in one transaction; return its id, and the answer where there was one before."""
    with here.store.write() as connection:
        if asked and (answered := idempotency.reserve(connection, asked)):
            if answered.fingerprint != asked.fingerprint:
                said = "this Idempotency-Key was used with another body; take a new one"
                raise Problem(422, said, "idempotency-mismatch")
            return "", answered.body
        if corpora.find(connection, wanted.corpus, owner_of(key)) is None:
            raise Problem(422, "there is no such corpus; upload one first", "unusable-input")
        try:
            public_id, bell = service.add_job(connection, here.registry, wanted, key_id=key.id)
        except (InputError, RecipeError) as error:
            raise Problem(422, without_places(str(error)), "unusable-recipe") from error
        if asked:
            job = _found(jobs.find(connection, public_id), public_id)
            idempotency.answer(connection, asked, 201, job_view(connection, job).model_dump_json())
    here.lately.forget()
    here.queue.ring([bell])
    return public_id, None


@contextmanager
def _alone(asked: Asked) -> Iterator[None]:
    """Answer no two requests with the same key at once; another process waits for the first one's transaction."""
    mark = (asked.key_id, asked.key)
    with _lock:
        if mark in _under_way:
            raise Problem(409, "a request with this Idempotency-Key is being answered; send it again in a moment")
        _under_way.add(mark)
    try:
        yield
    finally:
        with _lock:
            _under_way.discard(mark)


def _after(here: Service, key: Key, job_id: str, change: Callable[[], None]) -> s.JobView:
    """Make a change to a job that the key's owner may see, and show the job."""
    with here.store.read() as connection:
        find_job(connection, key, job_id)
    with refused():
        change()
    return _shown(here, job_id)


def _shown(here: Service, public_id: str) -> s.JobView:
    here.lately.forget()
    with here.store.read() as connection:
        return job_view(connection, _found(jobs.find(connection, public_id), public_id))
