"""`reflectgen rewrite`: a teacher writes what an ablation arm puts in place of a finished job's unsafe chunks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reflectgen.cli import options as o
from reflectgen.cli.models import Models, recipe_of
from reflectgen.cli.summary import print_use
from reflectgen.cli.working import how_to_go_on, say_how_to_go_on, spare_the_loop, work_and_count
from reflectgen.corpus.sources import find_sources
from reflectgen.errors import RecipeError
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.jobs.accounts import refuse_limits_without_prices
from reflectgen.jobs.budget import Limits
from reflectgen.jobs.finish import refuse_chat
from reflectgen.jobs.folder import begin_or_resume, existing_job, job_folder, salt_of
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.rewrite import PROMPTS, bind_rewriters, place_of, rewriting_recipe, write_passages
from reflectgen.jobs.roles import open_roles
from reflectgen.jobs.run import Run
from reflectgen.records import Road


def rewrite(
    folder: o.Folder,
    arm: Annotated[ArmName, typer.Option(help="rewrite, refuse or moral-education.")] = ArmName.REWRITE,
    strict: o.ArmStrict = False,
    recipe: o.RecipePath = None,
    teacher_url: o.TeacherUrl = None,
    teacher_model: o.ModelName = None,
    temperature: o.Temperature = None,
    guard_url: o.GuardUrl = None,
    guard_model: o.ModelName = None,
    attempts: o.Attempts = None,
    seed: o.Seed = None,
    concurrency: o.Concurrency = None,
    timeout: o.Timeout = None,
    outage_patience: o.Patience = None,
    max_cost: o.MaxCost = None,
    max_tokens_total: o.MaxTokens = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Ask a teacher for what stands in place of unsafe chunks; the same command goes on where it stopped."""
    if arm not in PROMPTS:
        raise typer.BadParameter(f"--arm: nobody writes for {arm}; it is one of {', '.join(PROMPTS)}")
    models = Models(
        recipe=recipe,
        teacher_url=teacher_url,
        teacher_model=teacher_model,
        temperature=temperature,
        seed=seed,
        guard_url=guard_url,
        guard_model=guard_model,
        attempts=attempts,
        concurrency=concurrency,
        timeout_seconds=timeout,
        outage_patience_seconds=outage_patience,
    )
    with o.checked():
        file = recipe_of(models)
    limits = Limits(max_cost, max_tokens_total)
    asyncio.run(_rewrite(folder, ArmOptions(name=arm, strict=strict), file, limits, quiet=quiet))


async def _rewrite(folder: Path, arm: ArmOptions, file: RecipeFile, limits: Limits, *, quiet: bool) -> None:
    place = place_of(folder, arm.name)
    with existing_job(folder) as (store, job):
        refuse_chat(job)
        if job.state != "finished":
            raise RecipeError(f"the job in {folder} is not finished; end it with `reflectgen run` first")
        passages = write_passages(store, job, folder, arm)
    if passages.set_aside:
        said = f"the unsafe chunks of {folder} are others than those that {place} was written for"
        typer.echo(f"{said}; that is in {passages.set_aside} now, and these are written anew", err=True)
    if not passages.num_passages:
        typer.echo(f"no chunk of {folder} is unsafe: nothing is written anew")
        return
    async with open_roles(file, cache_salt=salt_of(place)) as roles:
        bind_rewriters(roles, file, arm.name)
        spare_the_loop()
        refuse_limits_without_prices(limits, roles)
        recipe = rewriting_recipe(file, roles)
        with job_folder(place) as store:
            sources = find_sources([str(passages.path)]).sources
            job = begin_or_resume(store, place, [passages.path.name], sources, recipe)
            task = Run(store, place, recipe, roles, file.num_slots, limits=limits, is_exported=False)
            finished, counts, use = await work_and_count(task, job, sources, quiet, how_to_go_on)
    if not finished:
        raise typer.Exit(say_how_to_go_on(task, counts))
    console = Console(soft_wrap=True, highlight=False)
    num_written = counts.num_reflections - counts.roads.get(Road.FALLBACK, 0) - counts.roads.get(Road.TEMPLATE, 0)
    console.print(f"unsafe chunks {counts.num_reflections:,}, of which {num_written:,} are written anew")
    if num_written < counts.num_reflections:
        console.print("              for the others nothing was accepted, or none may be asked: a template stands in")
    if counts.rejections:
        console.print(f"  rejected    {', '.join(f'{reason} {n:,}' for reason, n in counts.rejections.items())}")
    print_use(console, use)
    console.print(f"export it: reflectgen export {folder} --arm {arm.name} --to DIR2", markup=False)
