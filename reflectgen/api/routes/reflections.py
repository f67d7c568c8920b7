"""Reflections, for people to read and to judge."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from sqlalchemy import Connection

from reflectgen.api import schemas as s
from reflectgen.api.access import Reader, Reviewer
from reflectgen.api.bodies import JSONRoute
from reflectgen.api.problems import Problem, documented, refused
from reflectgen.api.routes.jobs import JobId, find_job
from reflectgen.api.service import Here, Service
from reflectgen.api.views import read_place, reflection_view, written_place
from reflectgen.jobs import archived
from reflectgen.jobs.archive import restore_job
from reflectgen.jobs.person import Said, review_by_person
from reflectgen.records import Category, Road, Verdict
from reflectgen.store import corpus, pages, reviews
from reflectgen.store.jobs import Job
from reflectgen.store.pages import Filters

router = APIRouter(prefix="/v1/jobs", tags=["reflections"], route_class=JSONRoute)
_WORD = r"^[a-z][a-z0-9_]{0,63}$"


@router.get("/{job_id}/reflections", responses=documented(401, 403, 404, 409, 429))
def list_reflections(
    here: Here,
    key: Reader,
    job_id: JobId,
    verdict: Verdict | None = None,
    category: Category | None = None,
    road: Road | None = None,
    reason: Annotated[
        str | None, Query(pattern=_WORD, description="an answer about the chunk was rejected for it")
    ] = None,
    q: Annotated[
        str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="in the rationale")
    ] = None,
    after: Annotated[str | None, Query(pattern=s.PLACE, examples=["0-3-1"])] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> s.Page[s.ReflectionView]:
    """List the reflections that stand now, in corpus order, each with its chunk's text.

    A page may be short though `has_more` says that there is more: each looks through so many chunks only.
    """
    wanted = Filters(verdict, category, road, reason, q)
    with here.store.read() as connection:
        job = find_job(connection, key, job_id)
        place = read_place(after) if after else None
        out = partial(archived.page, here.job_folder(job_id))
        page = pages.reflections_page(connection, job.id, wanted, place, limit, out)
        shown = _shown(here, connection, job, page.rows)
    last = written_place(page.next_place) if page.next_place else shown[-1].id if shown else None
    return s.Page(
        data=shown, first_id=shown[0].id if shown else None, last_id=last, has_more=page.next_place is not None
    )


@router.post("/{job_id}/reflections/{place}/review", responses=documented(401, 403, 404, 409, 413, 429))
def review_reflection(
    here: Here,
    key: Reviewer,
    job_id: JobId,
    place: Annotated[str, InPath(pattern=s.PLACE, examples=["0-3-1"])],
    wanted: s.ReviewRequest,
) -> s.ReflectionView:
    """Accept or reject a reflection of a finished job; a rejected one gives way to the template, which exports show."""
    said = Said(
        wanted.decision == "accept", wanted.reviewer, wanted.reason, wanted.revision, wanted.verdict, wanted.category
    )
    with here.store.read() as connection:
        job = find_job(connection, key, job_id)
    restore_job(here.store, job.id, here.job_folder(job_id), read_place(place)[0])
    with refused():
        review_by_person(here.store, job_id, read_place(place), said, key_id=key.id)
    here.lately.forget()
    with here.store.read() as connection:
        job = find_job(connection, key, job_id)
        row = reviews.current_row(connection, job.id, read_place(place))
        return _shown(here, connection, job, [row])[0]


def _shown(here: Service, connection: Connection, job: Job, rows: list[Any]) -> list[s.ReflectionView]:
    if not rows:
        return []
    files = corpus.files_of(connection, job.id, {row.shard for row in rows})
    try:
        texts = here.texts.of(here.job_folder(job.public_id or ""), files, rows)
    except (OSError, IndexError) as error:
        raise Problem(503, "the corpus shard of a reflection cannot be read") from error
    places = [(row.shard, row.document, row.chunk) for row in rows]
    said = reviews.of_places(connection, job.id, places)
    return [
        reflection_view(row, *text, said.get(place, [])) for row, text, place in zip(rows, texts, places, strict=True)
    ]
