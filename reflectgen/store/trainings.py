"""Trainings that were asked for, how far each is, and the folder of each that is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, select, update

from reflectgen.store.clock import db_now
from reflectgen.store.tables import task, training

KIND = "train"  # of its task


@dataclass(frozen=True, slots=True)
class Training:
    """`folder` lies within the job's and is empty until the model is whole; `task_state` and `error` are its task's."""

    job_id: int
    number: int
    public_id: str
    wanted: dict[str, Any]
    step: int
    num_steps: int
    loss: float | None
    folder: str
    manifest_sha256: str
    created_at: float
    finished_at: float | None
    task_state: str
    error: str


def add(connection: Connection, job_id: int, number: int, public_id: str, wanted: Mapping[str, Any]) -> None:
    values = {"job_id": job_id, "number": number, "public_id": public_id, "wanted": json.dumps(dict(wanted))}
    values |= {"step": 0, "num_steps": 0, "folder": "", "manifest_sha256": "", "created_at": db_now()}
    connection.execute(insert(training).values(values))


def note_progress(connection: Connection, job_id: int, number: int, step: int, num_steps: int, loss: float) -> None:
    where = (training.c.job_id == job_id, training.c.number == number)
    connection.execute(update(training).where(*where).values(step=step, num_steps=num_steps, loss=loss))


def finish(connection: Connection, job_id: int, number: int, folder: str, manifest_sha256: str) -> None:
    """Name the folder of a whole model: from now on it is the one that counts."""
    where = (training.c.job_id == job_id, training.c.number == number)
    values = {"folder": folder, "manifest_sha256": manifest_sha256, "finished_at": db_now()}
    connection.execute(update(training).where(*where).values(values))


def discard(connection: Connection, job_id: int, number: int) -> None:
    connection.execute(delete(training).where(training.c.job_id == job_id, training.c.number == number))


def get(connection: Connection, job_id: int, number: int) -> Training | None:
    row = connection.execute(_trainings(job_id).where(training.c.number == number)).one_or_none()
    return None if row is None else _training(row)


def of_job(connection: Connection, job_id: int) -> list[Training]:
    """Return a job's trainings in the order in which they were asked for."""
    return [_training(row) for row in connection.execute(_trainings(job_id).order_by(training.c.number))]


def _trainings(job_id: int) -> Any:
    its_task = and_(task.c.job_id == training.c.job_id, task.c.number == training.c.number, task.c.kind == KIND)
    query = select(training, task.c.state, task.c.error).join(task, its_task)
    return query.where(training.c.job_id == job_id)


def _training(row: Row[Any]) -> Training:
    return Training(
        row.job_id,
        row.number,
        row.public_id,
        json.loads(row.wanted),
        row.step,
        row.num_steps,
        row.loss,
        row.folder,
        row.manifest_sha256,
        row.created_at,
        row.finished_at,
        row.state,
        row.error,
    )
