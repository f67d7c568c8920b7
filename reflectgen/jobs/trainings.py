"""Trainings of completed jobs: asked for, and called off. Each is one transaction."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from reflectgen.errors import InputError, RecipeError
from reflectgen.export.arms.options import ArmName
from reflectgen.jobs.advance import note
from reflectgen.jobs.finish import refuse_chat
from reflectgen.jobs.offered_trainings import OfferedTraining
from reflectgen.jobs.queue import Queue
from reflectgen.jobs.service import find_job, status_of
from reflectgen.store import Store, tasks, trainings
from reflectgen.store.trainings import KIND

FOLDER = "trainings"  # within the job's


class WantedTraining(BaseModel, extra="forbid", frozen=True):
    """What a training is made with: the operator's options and tokenizer are those of when it was asked for."""

    name: str
    arm: ArmName = ArmName.SRP
    tokenizer: str
    options: dict[str, Any]


def request_training(
    store: Store, queue: Queue, public_id: str, name: str, offered: OfferedTraining, arm: ArmName
) -> str:
    """Ask for a model that is trained on what a finished job has made; return the training's public id.

    Raises:
        InputError: there is no such job.
        RecipeError: it is not finished, or its documents are conversations.
    """
    wanted = WantedTraining(
        name=name, arm=arm, tokenizer=offered.tokenizer, options=offered.options.model_dump(mode="json")
    )
    training_id = "training_" + secrets.token_hex(12)
    with store.write() as connection:
        job = find_job(connection, public_id)
        if job.state != "finished" or job.hold:
            raise RecipeError(f"{public_id} is not completed but {status_of(connection, job)}; train on it then")
        refuse_chat(job)
        number = tasks.next_number(connection, job.id, KIND)  # which none that was called off has had
        trainings.add(connection, job.id, number, training_id, wanted.model_dump(mode="json"))
        bell = tasks.add(connection, job.id, KIND, number)
        note(connection, job.id, "training", number=number, name=name)
    queue.ring([bell])
    return training_id


def call_off(store: Store, public_id: str, training_id: str) -> None:
    """Forget a training, finished or not; a worker that is at it stops within some seconds, and leaves nothing.

    Raises:
        InputError: there is no such job, or it has no such training.
    """
    with store.write() as connection:
        # Not locked: who ends a task locks the job after it, and so the job must not be locked before a task.
        job = find_job(connection, public_id, lock=False)
        found = next((one for one in trainings.of_job(connection, job.id) if one.public_id == training_id), None)
        if found is None:
            raise InputError(f"the job has no training {training_id}")
        tasks.call_off(connection, job.id, KIND, found.number)
        trainings.discard(connection, job.id, found.number)


def folders_of(folder: Path, training_id: str) -> list[Path]:
    """Return the folders of a training's claims in the job's `folder`."""
    return sorted((folder / FOLDER).glob(f"{training_id}-*"))
