"""`reflectgen jobs train` and its like: models that the service trains on completed jobs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reflectgen.cli import options as o
from reflectgen.cli.jobs import JobId, service_client
from reflectgen.errors import TrainingError
from reflectgen.export.arms.options import ArmName
from reflectgen.shards import cannot_write

if TYPE_CHECKING:
    from reflectgen.client import Client, Training

TrainingId = Annotated[str, typer.Argument(metavar="TRAINING", help="The training's id.")]


def train(
    job_id: JobId,
    name: Annotated[str, typer.Argument(help="The name of a training that the service offers.")],
    arm: Annotated[ArmName, typer.Option(help="What is learnt from; see `reflectgen arms`.")] = ArmName.SRP,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
    as_json: o.AsJson = False,
) -> None:
    """Have a model trained on a completed job, and print the training's id."""
    with service_client() as client:
        training = client.train(job_id, name, arm.value)
        if not watch:
            typer.echo(json.dumps(asdict(training)) if as_json else training.id)
            return
        typer.echo(training.id, err=True)
        _follow(client, job_id, training.id, as_json)


def trainings(job_id: JobId, as_json: o.AsJson = False) -> None:
    """List the trainings of a job, and how far they are."""
    with service_client() as client:
        for training in client.trainings(job_id):
            typer.echo(json.dumps(asdict(training)) if as_json else _line(training))


def model(
    job_id: JobId,
    training_id: TrainingId,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to download to.")],
    as_json: o.AsJson = False,
) -> None:
    """Download the model of a training, once it is there."""
    with service_client() as client:
        training = _follow(client, job_id, training_id, as_json)
        try:
            client.download(job_id, training, out)
        except OSError as error:
            raise cannot_write(out, error) from error
    if not as_json:
        typer.echo(str(out))


def delete_training(
    job_id: JobId,
    training_id: TrainingId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a training with its model; one that runs stops within seconds."""
    if not yes:
        typer.confirm(f"delete {training_id} and its model?", abort=True)
    with service_client() as client:
        client.delete_training(job_id, training_id)


def _follow(client: Client, job_id: str, training_id: str, as_json: bool) -> Training:
    """Print how a training goes until it is done, and return it.

    Raises:
        TrainingError: it failed.
    """
    for training in client.follow_training(job_id, training_id):
        typer.echo(json.dumps(asdict(training)) if as_json else _line(training), err=not as_json)
    if training.status == "failed":
        raise TrainingError(f"{training.id} failed: {training.error}; mend that, then `reflectgen jobs retry {job_id}`")
    return training


def _line(training: Training) -> str:
    steps = f"step {training.step:,} of {training.num_steps:,}" if training.num_steps else ""
    loss = f"loss {training.loss:.3f}" if training.loss is not None else ""
    parts = [training.id, f"{training.training} on {training.arm}", training.status, steps, loss, training.error or ""]
    return "  ".join(part for part in parts if part)
