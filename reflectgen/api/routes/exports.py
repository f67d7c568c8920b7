"""Exports: asked for, listed, and downloaded file by file, in ranges where somebody wants that."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Path as InPath
from sqlalchemy import Connection
from starlette.responses import FileResponse

from reflectgen.api import schemas as s
from reflectgen.api.access import Reader, Submitter
from reflectgen.api.bodies import JSONRoute
from reflectgen.api.downloads import DOCUMENTED, FileName, Range, download, files_of_export
from reflectgen.api.problems import Problem, documented, refused, without_places
from reflectgen.api.routes.jobs import JobId, find_job
from reflectgen.api.service import Here, Service
from reflectgen.api.views import export_view
from reflectgen.errors import RecipeError
from reflectgen.jobs import service
from reflectgen.jobs.export_request import ExportRequest
from reflectgen.store import exports, reviews, tasks
from reflectgen.store.exports import Export
from reflectgen.store.jobs import Job

router = APIRouter(prefix="/v1/jobs", tags=["exports"], route_class=JSONRoute)
ExportId = Annotated[str, InPath(pattern=s.EXPORT_ID, examples=["export_91b2c3d4e5f60718293a4b5c"])]


@router.post("/{job_id}/exports", status_code=201, responses=documented(401, 403, 404, 409, 413, 429))
def request_export(here: Here, key: Submitter, job_id: JobId, wanted: ExportRequest) -> s.ExportView:
    """Ask for one more export of a completed job; it holds what stands at the moment it is made."""
    try:
        options = wanted.options(here.registry)
    except RecipeError as error:
        raise Problem(422, str(error), "unusable-recipe") from error
    with here.store.read() as connection:
        find_job(connection, key, job_id)
    with refused():
        public_id = service.request_export(here.store, here.queue, job_id, options)
    here.lately.forget()
    with here.store.read() as connection:
        job = find_job(connection, key, job_id)
        return _shown(here, connection, job, [_export(connection, job, public_id)])[0]


@router.get("/{job_id}/exports", response_model=s.Page[s.ExportView], responses=documented(401, 403, 404, 429))
async def list_exports(here: Here, key: Reader, job_id: JobId) -> Response:
    """List a job's exports in the order in which they were asked for."""

    def look() -> s.Page[s.ExportView]:
        with here.store.read() as connection:
            job = find_job(connection, key, job_id)
            shown = _shown(here, connection, job, exports.of_job(connection, job.id))
        return s.page_of(shown)

    return await here.lately.answer(key, ("exports", job_id), look)


@router.get("/{job_id}/exports/{export_id}", response_model=s.ExportView, responses=documented(401, 403, 404, 429))
async def get_export(here: Here, key: Reader, job_id: JobId, export_id: ExportId) -> Response:
    """Show an export and its files."""

    def look() -> s.ExportView:
        with here.store.read() as connection:
            job = find_job(connection, key, job_id)
            return _shown(here, connection, job, [_export(connection, job, export_id)])[0]

    return await here.lately.answer(key, ("export", job_id, export_id), look)


@router.get(
    "/{job_id}/exports/{export_id}/files/{name:path}",
    response_class=FileResponse,
    responses=DOCUMENTED,
)
def download_file(
    here: Here,
    key: Reader,
    job_id: JobId,
    export_id: ExportId,
    name: FileName,
    range: Range = None,  # noqa: A002
) -> FileResponse:
    """Download a file of an export; only names that its manifest lists, the manifest and the card are there."""
    with here.store.read() as connection:
        job = find_job(connection, key, job_id)
        export = _export(connection, job, export_id)
    return download(here.job_folder(job_id) / export.folder, _files(here, job_id, export), name, range)


def _export(connection: Connection, job: Job, public_id: str) -> Export:
    export = next((one for one in exports.of_job(connection, job.id) if one.public_id == public_id), None)
    if export is None:
        raise Problem(404, f"the job has no export {public_id}")
    return export


def _shown(here: Service, connection: Connection, job: Job, listed: list[Export]) -> list[s.ExportView]:
    rejected_at = reviews.last_rejection_at(connection, [job.id]).get(job.id)
    public_id = job.public_id or ""
    errors = {
        number: without_places(error) for number, error in tasks.errors_of_quarantined(connection, job.id, "export")
    }
    return [
        export_view(one, public_id, rejected_at, errors.get(one.number), _files(here, public_id, one)) for one in listed
    ]


def _files(here: Service, job_id: str, export: Export) -> list[s.ExportFile]:
    return files_of_export(here.job_folder(job_id) / export.folder) if export.folder else []
