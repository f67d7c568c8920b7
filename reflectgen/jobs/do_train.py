"""One training of a service's job: what it has made, woven as an arm and tokenised, and a model trained on it.

The model is learnt in a process of its own, so that this one keeps its lease and never imports torch.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from reflectgen.errors import OutputError, TrainingStopped
from reflectgen.export.arms.options import ArmOptions
from reflectgen.export.formats import Format
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.export.token_manifest import FOLDER as TOKENS
from reflectgen.jobs.export_job import export_job
from reflectgen.jobs.ledger import LeaseLost, Leases
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.recipe import Recipe
from reflectgen.jobs.take_over import take_over
from reflectgen.jobs.trainings import FOLDER, WantedTraining
from reflectgen.jobs.unfinished import TRAINING
from reflectgen.store import tasks, trainings
from reflectgen.store.jobs import Job
from reflectgen.store.tasks import Claim
from reflectgen.train.extra import missing_library, needs_extra
from reflectgen.train.places import CHECKPOINTS, newest, step_of
from reflectgen.train.process import WOVEN, TrainingProcess, Wanted

FINISH_SECONDS = 90.0  # that a step and its checkpoint may take once the work should stop
NOTE_SECONDS = 1.0  # between two notes of how far it is


async def train(leases: Leases, job: Job, folder: Path, claim: Claim, stop: asyncio.Event) -> tuple[str, str] | None:
    """Train in a folder of this claim's own; return its name and the hash of its manifest, None where it was stopped.

    Raises:
        ReflectgenError: whatever weaving, tokenising and training raise.
    """
    if library := missing_library():
        raise needs_extra(library)
    with leases.store.read() as connection:
        asked = trainings.get(connection, job.id, claim.number)
    if asked is None:
        raise LeaseLost(f"training {claim.number} of job {job.public_id} was called off")
    wanted = WantedTraining.model_validate(asked.wanted)
    name = f"{FOLDER}/{asked.public_id}-{claim.token}"
    here = folder / name
    try:
        await asyncio.to_thread(take_over, here, TRAINING)
        if not (here / TOKENS / MANIFEST_NAME).exists():
            await asyncio.to_thread(_weave, leases, job, folder, here / WOVEN, wanted)
        told = Wanted(training=wanted.name, tokenizer=wanted.tokenizer, options=wanted.options)
        notes = _Notes(leases, claim, here, asyncio.get_running_loop(), stop)
        await _run(here, told, notes.note, stop)
    except TrainingStopped:
        _remove_unless_needed(leases, job, claim, here)
        return None
    with (here / MANIFEST_NAME).open("rb") as file:
        return name, hashlib.file_digest(file, "sha256").hexdigest()


def tidy(folder: Path) -> None:
    """Remove from a finished training's folder what only going on with it would need."""
    for part in (TOKENS, CHECKPOINTS):
        shutil.rmtree(folder / part, ignore_errors=True)


def _weave(leases: Leases, job: Job, folder: Path, to: Path, wanted: WantedTraining) -> None:
    form, arm = Recipe.model_validate(job.recipe).form, ArmOptions(name=wanted.arm)
    formats, tokenizer = [Format.PARQUET], Path(wanted.tokenizer)
    # One process: the worker's others have work of their own.
    export_job(leases.fenced, job, folder, to, formats, form, Progress(), arm, tokenizer, processes=1)


async def _run(here: Path, told: Wanted, note: Callable[[dict[str, Any]], None], stop: asyncio.Event) -> None:
    process = TrainingProcess(here, told)

    def follow() -> None:
        for said in process.follow():
            note(said)

    following, stopping = asyncio.ensure_future(asyncio.to_thread(follow)), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([following, stopping], return_when=asyncio.FIRST_COMPLETED)
        process.ask_to_stop()
        await following
    finally:
        stopping.cancel()
        await asyncio.to_thread(process.end)


class _Notes:
    """Writes down how far a training is, under its lease; where that is lost, the training is to stop."""

    def __init__(
        self, leases: Leases, claim: Claim, here: Path, loop: asyncio.AbstractEventLoop, stop: asyncio.Event
    ) -> None:
        self._leases, self._claim, self._here = leases, claim, here
        self._loop, self._stop = loop, stop
        self._noted_at = 0.0
        self._saved_step = step_of(newest(here / CHECKPOINTS))

    def note(self, said: dict[str, Any]) -> None:
        if time.monotonic() < self._noted_at + NOTE_SECONDS and not said.get("is_done"):
            return
        self._noted_at = time.monotonic()
        try:
            self._write(said)
        except LeaseLost:
            self._loop.call_soon_threadsafe(self._stop.set)
        except OutputError:  # the database is away: the training need not wait for it
            pass

    def _write(self, said: dict[str, Any]) -> None:
        saved_step, self._saved_step = self._saved_step, step_of(newest(self._here / CHECKPOINTS))
        claim = self._claim
        with self._leases.store.write() as connection:
            if self._saved_step > saved_step:
                self._leases.check(connection)  # something is kept, and the attempts before it do not count
            elif not tasks.held_fast(connection, [claim]):
                raise LeaseLost("another worker has taken a training over; this one stops")
            step, num_steps = said["step"], said["num_steps"]
            trainings.note_progress(connection, claim.job_id, claim.number, step, num_steps, said["loss"])


def _remove_unless_needed(leases: Leases, job: Job, claim: Claim, here: Path) -> None:
    """Remove a folder that nobody will go on from: its training was deleted, or another claim has ended it."""
    with suppress(OutputError), leases.store.read() as connection:
        asked = trainings.get(connection, job.id, claim.number)
        if asked is None or asked.folder:
            shutil.rmtree(here, ignore_errors=True)
            for parent in (here.parent, here.parent.parent):
                with suppress(OSError):  # there is more in it
                    parent.rmdir()
