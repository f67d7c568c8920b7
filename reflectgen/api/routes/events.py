"""What happens to a job, as server-sent events out of SQL: whoever comes back misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from reflectgen.api.access import Reader
from reflectgen.api.problems import documented
from reflectgen.api.routes.jobs import JobId, find_job
from reflectgen.api.service import Here, Service
from reflectgen.api.views import event_body
from reflectgen.jobs.service import Status, status_of
from reflectgen.store import events, jobs
from reflectgen.store.events import Event

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
POLL_SECONDS = 1.0
RETRY_MS = 2000
ENDED: tuple[Status, ...] = ("completed", "cancelled", "failed")


def _owned(here: Here, key: Reader, job_id: JobId) -> str:
    # A dependency, because once the stream has begun it is too late for another status.
    with here.store.read() as connection:
        return find_job(connection, key, job_id).public_id or ""


@router.get("/{job_id}/events", response_class=EventSourceResponse, responses=documented(401, 403, 404, 429))
async def follow_job(
    here: Here,
    public_id: Annotated[str, Depends(_owned)],
    last_event_id: Annotated[int, Header(ge=0, lt=2**31, description="of the last event that was seen")] = 0,
    follow: Annotated[bool, Query(description="whether to wait for more; without, what is there is all")] = True,
) -> AsyncIterator[ServerSentEvent]:
    """Follow a job. The stream ends after its last event; a comment every 15 s keeps it open."""
    number = last_event_id
    while True:
        news, status = await run_in_threadpool(_news, here, public_id, number)
        for one in news:
            number = one.number
            data = event_body(one.body) | {"job": public_id, "at": one.created_at}
            yield ServerSentEvent(data=data, event=one.kind, id=str(one.number), retry=RETRY_MS)
        if len(news) < events.AT_A_TIME:
            if not follow or status is None or status in ENDED:
                return
            await asyncio.sleep(POLL_SECONDS)


def _news(here: Service, public_id: str, number: int) -> tuple[list[Event], Status | None]:
    with here.store.read() as connection:
        job = jobs.find(connection, public_id)
        return (events.after(connection, job.id, number), status_of(connection, job)) if job else ([], None)
