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
from reflectgen.export.arms.registry import ARMS, Rows
from reflectgen.export.manifest import MANIFEST_NAME, read_manifest
from reflectgen.export.shard_processes import usable_cpus
from reflectgen.export.verify import VerifyReport, verify_export
from reflectgen.export.verify_made import is_made, made_folders, verify_made
from reflectgen.jobs.arms import verify_arm
from reflectgen.jobs.folder import EXPORT
from reflectgen.jobs.sft import SFT
from reflectgen.jobs.verify import verify_job


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A job's folder, or an export by itself.")],
    job: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The folder of the job that an export is of: every row is made from it again."
        ),
    ] = None,
    tokenizer: o.ArmTokenizer = None,
    as_json: o.AsJson = False,
) -> None:
    """Check every hash, count and span; of a job, also that every document is the corpus's own, word for word."""
    alone = (folder / MANIFEST_NAME).exists()
    if is_made(folder):
        report = VerifyReport()
        verify_made(folder, report, usable_cpus())
    elif job is not None:
        report = verify_arm(folder, job, tokenizer)
    else:
        report = verify_export(folder) if alone else verify_job(folder)
    for made in made_folders(folder if alone else folder / EXPORT):
        verify_made(made, report, usable_cpus())
    if as_json:
        typer.echo(json.dumps({"ok": report.ok, **asdict(report)}))
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for problem in report.problems:
        console.print(problem, style="red", markup=False)
    if not report.ok:
        raise VerificationError(f"{folder} does not verify: {report.num_problems} problems, the first are above")
    if is_made(folder) and not as_json:
        typer.echo(f"verified: {report.num_files} files")
    elif not as_json:
        proved = _proved(folder, folder if alone else None, job)
        found = f"{report.num_files} files, {report.num_documents:,} documents, {report.num_reflections:,} reflections"
        typer.echo(f"verified: {found}; {proved}")


def _proved(folder: Path, export: Path | None, job: Path | None) -> str:
    """Say what has been proved of the documents, and what has not."""
    if job is not None:
        return f"every row is the one that the job in {job} gives"
    whole = "without them every document is its original"
    if export is None and (folder / SFT).exists():
        return "every line is the one that the job gives"
    if export is None:
        return f"{whole}, compared with the corpus itself"
    arm = read_manifest(export).arm
    if ARMS[arm.name].takes_away:
        return f"arm {arm.name} takes text away, and only the job proves which: name its folder with --job"
    return whole if ARMS[arm.name].rows is Rows.WOVEN else f"without what arm {arm.name} put in, each is its original"
