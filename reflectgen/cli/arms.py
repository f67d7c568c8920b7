"""`reflectgen arms`: what each ablation arm of a finished job adds up to, side by side, before any is exported."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from reflectgen.cli import options as o
from reflectgen.errors import RecipeError
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.arms.registry import ARMS
from reflectgen.jobs.arms import ArmCounts, count_arms, measure_of
from reflectgen.jobs.folder import existing_job
from reflectgen.reflection.form import FormOptions


def arms(
    folder: o.Folder,
    only: Annotated[list[ArmName] | None, typer.Option("--arm", help="Only this; give it again for more.")] = None,
    mode: o.Style = None,
    seed: o.ArmSeed = 0,
    strict: o.ArmStrict = False,
    tokenizer: o.ArmTokenizer = None,
    as_json: o.AsJson = False,
) -> None:
    """Count every ablation arm of a finished job: documents, reflections, edits, words or tokens; write nothing."""
    with existing_job(folder) as (store, job):
        if job.state != "finished":
            raise RecipeError(f"the job in {folder} is not finished; end it with `reflectgen run` first")
        form = FormOptions(**job.recipe["form"])
        if mode:
            form = form.model_copy(update={"style": mode.value, "end_after_unsafe": mode is not o.Mode.HINT})
        measure = measure_of(tokenizer, form)
        wanted = [ArmOptions(name=name, seed=seed, strict=strict, measure=measure.name) for name in only or ARMS]
        with Console(stderr=True).status("counting") as status:
            counted = count_arms(
                store, job, folder, form, wanted, measure, lambda name: status.update(f"counting {name}")
            )
    if as_json:
        typer.echo(json.dumps({"measure": measure.name, "arms": [asdict(one) for one in counted]}))
        return
    console = Console(highlight=False)
    console.print(_table(counted, "tokens" if tokenizer else "words"))
    console.print("Export one: reflectgen export DIR --arm NAME --to DIR2", markup=False)


def _table(counted: list[ArmCounts], unit: str) -> Table:
    table = Table("arm", box=None, pad_edge=False, header_style="bold")
    for title in ("documents", "left out", "repeated", "reflections", "edits", unit, "of raw"):
        table.add_column(title, justify="right")
    table.add_column("in this arm")
    raw = next((one.length for one in counted if one.arm == ArmName.RAW), 0)
    for one in counted:
        numbers = (
            one.num_documents,
            one.num_left_out_documents,
            one.num_repeated_documents,
            one.num_reflections,
            one.num_edits,
            one.length,
        )
        share = f"{100 * one.length / raw:.1f} %" if raw else "-"
        table.add_row(one.arm, *(f"{n:,}" if n else "-" for n in numbers), share, ARMS[ArmName(one.arm)].treatment)
    return table
