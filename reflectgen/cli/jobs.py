"""`reflectgen jobs`: the service's jobs, over HTTP; plain lines, or JSON for scripts."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reflectgen.cli import options as o
from reflectgen.cli import tokens as t
from reflectgen.errors import InputError, OutputError, RecipeError, ReflectgenError, VerificationError
from reflectgen.export.arms.options import ArmName
from reflectgen.export.formats import Format
from reflectgen.shards import cannot_write

if TYPE_CHECKING:
    from reflectgen.client import Client, Job

jobs = typer.Typer(
    help="Submit jobs to a service and follow them: REFLECTGEN_API_URL, REFLECTGEN_API_KEY.", no_args_is_help=True
)
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
NOT_COMPLETED = 1


@jobs.command()
def submit(
    corpus: Annotated[str, typer.Argument(help="A file to upload, or the id of a corpus that is there.")],
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="A recipe's name, or a TOML file without addresses.")
    ] = "builtin",
    formats: o.Formats = None,
    chunk_words: o.ChunkWords = 100,
    text_field: o.TextField = "text",
    id_field: o.IdField = "id",
    metadata: Annotated[list[str] | None, typer.Option("--metadata", help="KEY=VALUE; give it again for more.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key and job again is the same job.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
    as_json: o.AsJson = False,
) -> None:
    """Submit a job and print its id."""
    settings: dict[str, Any] = {
        "chunks": {"chunk_words": chunk_words},
        "read": {"text_field": text_field, "id_field": id_field},
        "metadata": dict(_pair(one) for one in metadata or ()),
    }
    if formats:
        settings["formats"] = [one.value for one in formats]
    with service_client() as client:
        corpus_id = corpus if corpus.startswith("corpus_") else client.upload(_readable(corpus)).id
        job = client.submit(corpus_id, recipe=_recipe(recipe), idempotency_key=idempotency_key, **settings)
        if not watch:
            typer.echo(json.dumps(asdict(job)) if as_json else job.id)
            return
        typer.echo(job.id, err=True)
        _watch(client, job.id, as_json)


@jobs.command()
def watch(job_id: JobId, as_json: o.AsJson = False) -> None:
    """Print what happens to a job until it ends; exit with 1 unless it completes."""
    with service_client() as client:
        _watch(client, job_id, as_json)


@jobs.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option(min=1, help="Jobs to list, at most.")] = 20, as_json: o.AsJson = False
) -> None:
    """List jobs, the newest first."""
    with service_client() as client:
        for _, job in zip(range(limit), client.jobs(), strict=False):
            typer.echo(json.dumps(asdict(job)) if as_json else _line(job))


@jobs.command()
def show(job_id: JobId, as_json: o.AsJson = False) -> None:
    """Show one job."""
    with service_client() as client:
        _print(client.job(job_id), as_json)


@jobs.command()
def cancel(job_id: JobId, as_json: o.AsJson = False) -> None:
    """Stop a job for good; what was answered stays."""
    with service_client() as client:
        _print(client.cancel(job_id), as_json)


@jobs.command()
def pause(job_id: JobId, as_json: o.AsJson = False) -> None:
    """Stop a job until it is resumed."""
    with service_client() as client:
        _print(client.pause(job_id), as_json)


@jobs.command()
def resume(job_id: JobId, as_json: o.AsJson = False) -> None:
    """Let a paused job go on."""
    with service_client() as client:
        _print(client.resume(job_id), as_json)


@jobs.command()
def retry(job_id: JobId, as_json: o.AsJson = False) -> None:
    """Give what was set aside a fresh start."""
    with service_client() as client:
        _print(client.retry(job_id), as_json)


@jobs.command()
def export(
    job_id: JobId,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to download to.")],
    formats: t.AnyFormats = None,
    arm: Annotated[ArmName, typer.Option(help="What is done to the documents; see `reflectgen arms`.")] = ArmName.SRP,
    seed: o.ArmSeed = 0,
    strict: o.ArmStrict = False,
    tokenizer: Annotated[str | None, typer.Option(help="One of the service's, by name, for formats of tokens.")] = None,
    as_json: o.AsJson = False,
) -> None:
    """Download the newest export of a job; with a format or an arm, or where that is stale, ask for a new one."""
    made: dict[str, Any] = {}
    if arm is not ArmName.SRP:
        made["arm"] = {"name": arm.value, "seed": seed, "strict": strict}
    if tokenizer:
        made["tokenizer"] = tokenizer
    with service_client() as client:
        whole = [one for one in client.exports(job_id) if one.files and not one.is_stale and one.arm == ArmName.SRP]
        if formats or made or not whole:
            wanted = [one.value for one in formats or (Format.PARQUET,)]
            newest = client.wait_for_export(job_id, client.export(job_id, wanted, **made).id)
        else:
            newest = whole[-1]
        try:
            client.download(job_id, newest, out)
        except OSError as error:
            raise cannot_write(out, error) from error
    typer.echo(json.dumps(asdict(newest)) if as_json else str(out))


@jobs.command()
def archive(job_id: JobId, as_json: o.AsJson = False) -> None:
    """Have a completed job's reflections moved out of the database, into files beside its corpus."""
    with service_client() as client:
        _print(client.archive(job_id), as_json)


@jobs.command()
def delete(job_id: JobId, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete a job that has ended, with its reflections and exports."""
    if not yes:
        typer.confirm(f"delete {job_id} and everything that came of it?", abort=True)
    with service_client() as client:
        client.delete(job_id)


@contextmanager
def service_client() -> Iterator[Client]:
    """Yield a client of the service that the environment names; its problems become errors of ours."""
    try:
        from reflectgen.client import APIError, Client
    except ImportError as error:
        raise RecipeError(f"this needs {error.name}: pip install 'reflectgen[service]'") from error
    url, key = (os.environ.get(f"REFLECTGEN_API_{name}", "").strip() for name in ("URL", "KEY"))
    if not key:
        raise RecipeError("set REFLECTGEN_API_KEY to a key of `reflectgen keys create`, and REFLECTGEN_API_URL")
    try:
        with Client(url or "http://127.0.0.1:8080", key) as client:
            yield client
    except APIError as error:
        raise _as_ours(error.status, error.detail) from error


def _as_ours(status: int, detail: str) -> ReflectgenError:
    if status == 0:
        return OutputError(detail) if "manifest" not in detail else VerificationError(detail)
    if status in (400, 404, 413, 422):
        return InputError(detail)
    if status in (401, 403, 409):
        return RecipeError(detail)
    return OutputError(f"{detail} (status {status})")


def _watch(client: Client, job_id: str, as_json: bool) -> None:
    for event in client.events(job_id):
        if as_json:
            typer.echo(json.dumps({"number": event.number, "kind": event.kind, **event.body}))
        elif event.kind != "shard_reflected" or sys.stdout.isatty():
            typer.echo(f"{event.kind}{_told(event.body)}")
    job = client.job(job_id)
    if not as_json:
        typer.echo(_line(job), err=True)
    if job.status != "completed":
        raise typer.Exit(NOT_COMPLETED)


def _told(body: dict[str, Any]) -> str:
    said = [f"{name} {value}" for name, value in body.items() if name not in ("job", "at") and value != ""]
    return f": {', '.join(said)}" if said else ""


def _print(job: Job, as_json: bool) -> None:
    typer.echo(json.dumps(asdict(job)) if as_json else _line(job))


def _line(job: Job) -> str:
    counts = job.request_counts
    failed = f", {counts['failed']:,} set aside" if counts["failed"] else ""
    error = f"  {job.error}" if job.error else ""
    return f"{job.id}  {job.status:<11}  {counts['completed']:,} of {counts['total']:,} chunks{failed}{error}"


def _pair(written: str) -> tuple[str, str]:
    key, equals, value = written.partition("=")
    if not equals or not key:
        raise typer.BadParameter(f"--metadata {written!r} is not KEY=VALUE")
    return key, value


def _readable(named: str) -> Path:
    path = Path(named)
    if not path.is_file():
        raise InputError(f"there is no file {named}; name a file to upload, or a corpus id")
    return path


def _recipe(named: str) -> str | dict[str, Any]:
    if not named.endswith(".toml"):
        return named
    try:
        return tomllib.loads(Path(named).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"the recipe {named} cannot be read: {error}") from error
