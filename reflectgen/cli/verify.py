"""`reflectgen verify`: prove that an export is what it says, and that without its reflections it is the corpus."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reflectgen.cli import options as o
from reflectgen.errors import VerificationError
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.export.verify import verify_export
from reflectgen.jobs.verify import verify_job


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A job's folder, or an export by itself.")],
    as_json: o.AsJson = False,
) -> None:
    """Check every hash, count and span; of a job, also that every document is the corpus's own, word for word."""
    alone = (folder / MANIFEST_NAME).exists()
    report = verify_export(folder) if alone else verify_job(folder)
    if as_json:
        typer.echo(json.dumps({"ok": report.ok, **asdict(report)}))
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for problem in report.problems:
        console.print(problem, style="red", markup=False)
    if not report.ok:
        raise VerificationError(f"{folder} does not verify: {report.num_problems} problems, the first are above")
    if not as_json:
        beside = "" if alone else ", compared with the corpus itself"
        typer.echo(
            f"verified: {report.num_files} files, {report.num_documents:,} documents, {report.num_reflections:,} "
            f"reflections; without them every document is its original{beside}"
        )
