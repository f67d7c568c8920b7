"""Exports: asked for, listed, and downloaded file by file, in ranges where somebody wants that."""

from __future__ import annotations

import re
from collections.abc import Set
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi import Path as InPath
from sqlalchemy import Connection
from starlette.responses import FileResponse

from reflectgen.api import schemas as s
from reflectgen.api.access import Reader, Submitter, owner_of
from reflectgen.api.bodies import JSONRoute
from reflectgen.api.problems import Problem, documented, without_places
from reflectgen.api.routes.jobs import JobId, found
from reflectgen.api.service import Here, Service
from reflectgen.api.views import export_view
from reflectgen.errors import InputError, RecipeError, VerificationError
from reflectgen.export.card import CARD_NAME
from reflectgen.export.manifest import MANIFEST_NAME, read_manifest
from reflectgen.export.token_manifest import TOKENIZER_FOLDER
from reflectgen.export.verify_made import listed_files, made_folders
from reflectgen.jobs import service
from reflectgen.jobs.export_request import ExportRequest
from reflectgen.store import exports, pages, reviews, tasks
from reflectgen.store.exports import Export
from reflectgen.store.jobs import Job

router = APIRouter(prefix="/v1/jobs", tags=["exports"], route_class=JSONRoute)
ExportId = Annotated[str, InPath(pattern=s.EXPORT_ID, examples=["export_91b2c3d4e5f60718293a4b5c"])]
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))")
_BYTES = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


@router.post("/{job_id}/exports", status_code=201, responses=documented(401, 403, 404, 409, 413, 429))
def request_export(here: Here, key: Submitter, job_id: JobId, wanted: ExportRequest) -> s.ExportView:
    """Ask for one more export of a completed job; it holds what stands at the moment it is made."""
    try:
        options = wanted.options(here.registry)
    except RecipeError as error:
        raise Problem(422, str(error), "unusable-recipe") from error
    with here.store.read() as connection:
        found(pages.find_job(connection, job_id, owner_of(key)), job_id)
    try:
        public_id = service.request_export(here.store, here.queue, job_id, options)
        here.lately.forget()
    except InputError as error:
        raise Problem(404, str(error)) from error
    except RecipeError as error:
        raise Problem(409, str(error)) from error
    with here.store.read() as connection:
        job = found(pages.find_job(connection, job_id, owner_of(key)), job_id)
        return _shown(here, connection, job, [_export(connection, job, public_id)])[0]


@router.get("/{job_id}/exports", response_model=s.Page[s.ExportView], responses=documented(401, 403, 404, 429))
async def list_exports(here: Here, key: Reader, job_id: JobId) -> Response:
    """List a job's exports in the order in which they were asked for."""

    def look() -> s.Page[s.ExportView]:
        with here.store.read() as connection:
            job = found(pages.find_job(connection, job_id, owner_of(key)), job_id)
            shown = _shown(here, connection, job, exports.of_job(connection, job.id))
        return s.Page(
            data=shown, first_id=shown[0].id if shown else None, last_id=shown[-1].id if shown else None, has_more=False
        )

    return await here.lately.answer(key, ("exports", job_id), look)


@router.get("/{job_id}/exports/{export_id}", response_model=s.ExportView, responses=documented(401, 403, 404, 429))
async def get_export(here: Here, key: Reader, job_id: JobId, export_id: ExportId) -> Response:
    """Show an export and its files."""

    def look() -> s.ExportView:
        with here.store.read() as connection:
            job = found(pages.find_job(connection, job_id, owner_of(key)), job_id)
            return _shown(here, connection, job, [_export(connection, job, export_id)])[0]

    return await here.lately.answer(key, ("export", job_id, export_id), look)


@router.get(
    "/{job_id}/exports/{export_id}/files/{name:path}",
    response_class=FileResponse,
    responses={
        **documented(401, 403, 404, 416, 429),
        200: {"description": "the whole file", **_BYTES},
        206: {"description": "the range that was asked for", **_BYTES},
    },
)
def download_file(
    here: Here,
    key: Reader,
    job_id: JobId,
    export_id: ExportId,
    name: Annotated[str, InPath(max_length=200, examples=["parquet/train-00000-of-00001.parquet"])],
    range: Annotated[str | None, Header(description="one range of bytes, as in `bytes=0-1023`")] = None,  # noqa: A002
) -> FileResponse:
    """Download a file of an export; only names that its manifest lists, the manifest and the card are there."""
    with here.store.read() as connection:
        job = found(pages.find_job(connection, job_id, owner_of(key)), job_id)
        export = _export(connection, job, export_id)
    entry = next((one for one in _files(here, job_id, export) if one.name == name), None)
    if entry is None:
        raise Problem(404, "the export has no such file")
    path = here.job_folder(job_id) / export.folder / entry.name
    if not path.is_file():
        raise Problem(503, "the file is not where the database says")
    headers = {"ETag": f'"{entry.sha256}"'} if entry.sha256 else {}
    return _Download(path, range, headers)


class _Download(FileResponse):
    """A file, or one range of it; a range that cannot be read is passed over, as RFC 9110 allows."""

    def __init__(self, path: Path, wanted: str | None, headers: dict[str, str]) -> None:
        super().__init__(path, headers=headers, media_type="application/octet-stream", filename=path.name)
        self._range = _RANGE.fullmatch(wanted.strip()) if wanted else None
        if self._range:
            first, last, suffix = self._range.groups()
            size = path.stat().st_size
            if int(first or 0) >= size or suffix == "0":
                raise Problem(416, f"the file has {size} bytes", Content_Range=f"bytes */{size}")
            if last is not None and int(last) < int(first):
                self._range = None

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        if self._range is None:
            scope = {**scope, "headers": [one for one in scope["headers"] if one[0] != b"range"]}
        await super().__call__(scope, receive, send)


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
    if not export.folder:
        return []
    try:
        return list(_read_files(here.job_folder(job_id) / export.folder))
    except (OSError, VerificationError) as error:
        raise Problem(503, "the export's manifest cannot be read") from error


@lru_cache(maxsize=256)  # an export that has its folder changes no more
def _read_files(folder: Path) -> tuple[s.ExportFile, ...]:
    manifest = read_manifest(folder)
    listed = [s.ExportFile(name=one.path, num_bytes=one.num_bytes, sha256=one.sha256) for one in manifest.files]
    for made in made_folders(folder):
        for file in listed_files(made):
            name = f"{made.name}/{file.path}"
            listed.append(s.ExportFile(name=name, num_bytes=file.num_bytes, sha256=file.sha256))
        listed += _beside(folder, made, known={one.name for one in listed})
    return (*listed, *_beside(folder, folder))


def _beside(folder: Path, described: Path, known: Set[str] = frozenset()) -> list[s.ExportFile]:
    """Return the files that no manifest lists: it itself, the card, and what belongs to a tokenizer."""
    paths = [described / name for name in (MANIFEST_NAME, CARD_NAME)]
    paths += sorted((described / TOKENIZER_FOLDER).glob("*"))
    names = [(path, path.relative_to(folder).as_posix()) for path in paths if path.is_file()]
    return [
        s.ExportFile(name=name, num_bytes=path.stat().st_size, sha256=None) for path, name in names if name not in known
    ]
