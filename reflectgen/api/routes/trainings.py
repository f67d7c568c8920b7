"""Trainings of completed jobs: asked for by name, followed, deleted, and their models downloaded file by file."""

from __future__ import annotations

import shutil
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Path as InPath
from sqlalchemy import Connection
from starlette.responses import FileResponse

from reflectgen.api import schemas as s
from reflectgen.api.access import Reader, Submitter
from reflectgen.api.bodies import JSONRoute
from reflectgen.api.downloads import DOCUMENTED, FileName, Range, download, files_of_training
from reflectgen.api.problems import Problem, documented, refused
from reflectgen.api.routes.jobs import JobId, find_job
from reflectgen.api.service import Here, Service
from reflectgen.api.views import training_view
from reflectgen.jobs.trainings import call_off, folders_of, request_training
from reflectgen.store import reviews, trainings
from reflectgen.store.jobs import Job
from reflectgen.store.trainings import Training

router = APIRouter(prefix="/v1/jobs", tags=["trainings"], route_class=JSONRoute)
TrainingId = Annotated[str, InPath(pattern=s.TRAINING_ID, examples=["training_4a5b6c7d8e9f00112233aabb"])]


@router.post("/{job_id}/trainings", status_code=201, responses=documented(401, 403, 404, 409, 413, 429))
def ask_for_training(here: Here, key: Submitter, job_id: JobId, wanted: s.TrainingRequest) -> s.TrainingView:
    """Ask for a model that is trained on a completed job; it learns what stands at the moment that it begins."""
    with here.store.read() as connection:
        find_job(connection, key, job_id)
    offered = here.trainings.get(wanted.training)
    if offered is None:
        raise Problem(422, "there is no such training; GET /v1/trainings lists them", "unusable-recipe")
    with refused():
        public_id = request_training(here.store, here.queue, job_id, wanted.training, offered, wanted.arm)
    here.lately.forget()
    with here.store.read() as connection:
        job = find_job(connection, key, job_id)
        return _shown(here, connection, job, [_training(connection, job, public_id)])[0]


@router.get("/{job_id}/trainings", response_model=s.Page[s.TrainingView], responses=documented(401, 403, 404, 429))
async def list_trainings(here: Here, key: Reader, job_id: JobId) -> Response:
    """List a job's trainings in the order in which they were asked for."""

    def look() -> s.Page[s.TrainingView]:
        with here.store.read() as connection:
            job = find_job(connection, key, job_id)
            shown = _shown(here, connection, job, trainings.of_job(connection, job.id))
        return s.page_of(shown)

    return await here.lately.answer(key, ("trainings", job_id), look)


@router.get(
    "/{job_id}/trainings/{training_id}", response_model=s.TrainingView, responses=documented(401, 403, 404, 429)
)
async def get_training(here: Here, key: Reader, job_id: JobId, training_id: TrainingId) -> Response:
    """Show how far a training is, and the files of its model once that is whole."""

    def look() -> s.TrainingView:
        with here.store.read() as connection:
            job = find_job(connection, key, job_id)
            return _shown(here, connection, job, [_training(connection, job, training_id)])[0]

    return await here.lately.answer(key, ("training", job_id, training_id), look)


@router.delete("/{job_id}/trainings/{training_id}", responses=documented(401, 403, 404, 429))
def delete_training(here: Here, key: Submitter, job_id: JobId, training_id: TrainingId) -> s.TrainingDeleted:
    """Delete a training with its model; one that runs stops within seconds."""
    with here.store.read() as connection:
        find_job(connection, key, job_id)
    with refused():
        call_off(here.store, job_id, training_id)
    here.lately.forget()
    for folder in folders_of(here.job_folder(job_id), training_id):
        shutil.rmtree(folder, ignore_errors=True)
    return s.TrainingDeleted(id=training_id)


@router.get("/{job_id}/trainings/{training_id}/files/{name:path}", response_class=FileResponse, responses=DOCUMENTED)
def download_model_file(
    here: Here,
    key: Reader,
    job_id: JobId,
    training_id: TrainingId,
    name: FileName,
    range: Range = None,  # noqa: A002
) -> FileResponse:
    """Download a file of a finished model; only names that its manifest lists, and the manifest, are there."""
    with here.store.read() as connection:
        job = find_job(connection, key, job_id)
        training = _training(connection, job, training_id)
    return download(here.job_folder(job_id) / training.folder, _files(here, job_id, training), name, range)


def _training(connection: Connection, job: Job, public_id: str) -> Training:
    training = next((one for one in trainings.of_job(connection, job.id) if one.public_id == public_id), None)
    if training is None:
        raise Problem(404, f"the job has no training {public_id}")
    return training


def _shown(here: Service, connection: Connection, job: Job, listed: list[Training]) -> list[s.TrainingView]:
    rejected_at = reviews.last_rejection_at(connection, [job.id]).get(job.id)
    public_id = job.public_id or ""
    return [training_view(one, public_id, rejected_at, _files(here, public_id, one)) for one in listed]


def _files(here: Service, job_id: str, training: Training) -> list[s.ExportFile]:
    return files_of_training(here.job_folder(job_id) / training.folder) if training.folder else []
