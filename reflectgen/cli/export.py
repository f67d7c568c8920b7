"""`reflectgen export`: a finished job once more, in other formats or with other markers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reflectgen.cli import options as o
from reflectgen.cli.display import shown
from reflectgen.errors import OutputError, RecipeError
from reflectgen.export.formats import Format
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.jobs.finish import export_job
from reflectgen.jobs.folder import existing_job
from reflectgen.jobs.progress import Progress


def export(
    folder: o.Folder,
    to: Annotated[Path, typer.Option("--to", help="A folder for the export, new or of an earlier one.")],
    formats: o.Formats = None,
    mode: o.Style = None,
    open_marker: o.OpenMarker = "<think>",
    close_marker: o.CloseMarker = "</think>",
    end_of_text: o.EndOfText = "<|endoftext|>",
    end_after_unsafe: o.EndAfterUnsafe = None,
) -> None:
    """Export a finished job again; no teacher is asked."""
    if to.exists() and (not to.is_dir() or (any(to.iterdir()) and not (to / MANIFEST_NAME).exists())):
        raise OutputError(f"{to} is not empty and holds no export; name a new folder with --to")
    with existing_job(folder) as (store, job):
        if job.state != "finished":
            raise RecipeError(f"the job in {folder} is not finished; end it with `reflectgen run` first")
        with o.checked():
            style = mode.value if mode else job.recipe["form"]["style"]
            form = o.form_of(style, open_marker, close_marker, end_of_text, end_after_unsafe)
        progress = Progress(stage="exporting")
        with shown(progress, list, quiet=False):
            manifest = export_job(store, job, folder, to, formats or [Format.PARQUET], form, progress)
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{manifest.counts.num_documents:,} documents woven: {to}", style="bold", markup=False)
