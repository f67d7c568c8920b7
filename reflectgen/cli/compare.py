"""`reflectgen compare`: recipes at work on texts whose verdict is known, side by side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as RichTable

from reflectgen.cli import options as o
from reflectgen.errors import OutputError
from reflectgen.jobs.recipe_file import BUILTIN, RecipeFile, read_recipe_file
from reflectgen.shards import whole_file

if TYPE_CHECKING:
    from reflectgen.evals.compare.report import Report
    from reflectgen.evals.compare.result import RecipeRun
    from reflectgen.evals.compare.rows import LabelledRow
    from reflectgen.evals.compare.tables import Table

PAGE, FIGURES = "compare.html", "compare.json"


def compare(
    recipes: Annotated[
        list[str], typer.Argument(metavar="RECIPE...", help="TOML files, or the word builtin for guard and teacher.")
    ],
    labelled: Annotated[
        list[str], typer.Option("--labelled", "-l", help="Rows with text and label (safe or unsafe); again for more.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help=f"A folder for {PAGE} and {FIGURES}; made if absent.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Take so many rows, each source, label and hazard by its share.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the sample and of bootstraps.")] = 0,
    note: Annotated[str, typer.Option(help="A line of yours for the page's head.")] = "",
    as_json: o.AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Measure recipes on labelled rows: verdicts, look-alikes, agreement, acceptance, grounding, words and cost."""
    from reflectgen.evals.compare.report import make_report
    from reflectgen.evals.compare.rows import read_labelled
    from reflectgen.evals.compare.sample import stratified

    files = _named(recipes)
    read = read_labelled(labelled)
    rows = stratified(read.rows, sample, seed) if sample else list(read.rows)
    with o.checked():
        runs = asyncio.run(_run_all(files, rows, quiet))
    report = make_report(read, rows, runs, seed=seed, note=note, created_at=datetime.now(UTC))
    if out is not None:
        _write(out, report)
    if as_json:
        typer.echo(json.dumps(report.to_json()))
    else:
        _print(report, out)


def _named(recipes: Sequence[str]) -> dict[str, RecipeFile]:
    """Return the recipes by name: the file's, with a number where two files have one name."""
    files: dict[str, RecipeFile] = {}
    for recipe in recipes:
        name = given = recipe if recipe == BUILTIN else Path(recipe).stem
        number = 1
        while name in files:
            number += 1
            name = f"{given} ({number})"
        files[name] = RecipeFile() if recipe == BUILTIN else read_recipe_file(Path(recipe))
    return files


async def _run_all(files: dict[str, RecipeFile], rows: Sequence[LabelledRow], quiet: bool) -> list[RecipeRun]:
    from reflectgen.jobs.compare import run_recipe

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress:
        runs = []
        for name, file in files.items():
            bar = progress.add_task(name.replace("[", "\\["), total=len(rows))
            runs.append(await run_recipe(name, file, rows, partial(progress.advance, bar)))
    return runs


def _write(out: Path, report: Report) -> None:
    from reflectgen.evals.compare.page import render_page

    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in ((FIGURES, json.dumps(report.to_json(), indent=1) + "\n"), (PAGE, render_page(report))):
            with whole_file(out / name) as written:
                written.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}; name another folder with --out") from error


def _print(report: Report, out: Path | None) -> None:
    from reflectgen.evals.compare import tables

    console = Console(highlight=False)
    sampled = f" of {report.num_read:,}" if report.num_rows < report.num_read else ""
    console.print(f"{report.num_rows:,}{sampled} labelled rows from {', '.join(report.files)}", markup=False)
    for reason, number in report.rejected.items():
        console.print(f"left out: {number:,} ({reason})", markup=False)
    if report.caveat:
        console.print(report.caveat, style="yellow", markup=False)
    shown = [tables.overview(report), *([tables.by_training(report)] if report.seen else [])]
    shown += [tables.by_lookalike(report), tables.agreement(report), tables.acceptance(report)]
    for table in shown:
        if table.rows:
            console.print(_rich(table))
    if out is not None:
        console.print(f"by source, hazard and row: {out / PAGE}; every figure: {out / FIGURES}", markup=False)


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left", title_style="bold")
    for number, column in enumerate(table.columns):
        shown.add_column(column, justify="left" if number < table.num_heads else "right", overflow="fold")
    for row in table.rows:
        cells = (cell if isinstance(cell, str) else " ".join(filter(None, (cell.value, cell.count))) for cell in row)
        shown.add_row(*(cell.replace("[", "\\[") for cell in cells))
    return shown
