"""`reflectgen archive`: a finished job's reflections out of the database into files, and back."""

from __future__ import annotations

from typing import Annotated

import typer

from reflectgen.cli import options as o
from reflectgen.errors import InputError
from reflectgen.jobs.archive import archive_job, restore_job
from reflectgen.jobs.folder import job_folder
from reflectgen.store import jobs


def archive(
    folder: o.Folder,
    restore: Annotated[bool, typer.Option("--restore", help="Bring them back into the database.")] = False,
) -> None:
    """Move a finished job's reflections into Parquet files beside its corpus; whoever looks at it brings them back."""
    if not folder.is_dir():
        raise InputError(f"{folder} holds no job; name the folder that was given to `reflectgen run --out`")
    with job_folder(folder) as store:
        with store.read() as connection:
            job = jobs.latest(connection)
        if job is None:
            raise InputError(f"the job in {folder} was never begun; run it again")
        if restore:
            typer.echo(f"{restore_job(store, job.id, folder):,} shards brought back")
        else:
            typer.echo(f"{archive_job(store, job, folder):,} shards archived")
