"""`reflectgen stats`: a job in numbers, also while it runs."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.console import Console

from reflectgen.cli import options as o
from reflectgen.cli.summary import print_summary, print_use, use_of
from reflectgen.jobs.folder import EXPORT, existing_job
from reflectgen.jobs.recipe import Recipe
from reflectgen.store.counts import count_job


def stats(
    folder: o.Folder,
    as_json: o.AsJson = False,
) -> None:
    """Show what a job read, judged, accepted and rejected, and which road each chunk took."""
    with existing_job(folder) as (store, job), store.read() as connection:
        counts, use = count_job(connection, job.id), use_of(connection, job.id)
    if as_json:
        said = {
            "state": job.state,
            "recipe_sha256": job.recipe_sha256,
            "usage": [*map(asdict, use.endpoints)],
            "num_unread_labels": use.num_unread_labels,
            "num_refused_labels": use.num_refused_labels,
        }
        typer.echo(json.dumps({**said, **counts.to_json()}))
        return
    console = Console(soft_wrap=True, highlight=False)
    state = "finished" if job.state == "finished" else "not finished; `reflectgen run` with the same options goes on"
    console.print(f"{folder}: {state}", style="bold", markup=False)
    print_summary(console, counts, Recipe.model_validate(job.recipe), folder / EXPORT)
    print_use(console, use)
