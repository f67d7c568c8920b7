"""`reflectgen regenerate`: ask about some chunks of a finished job once more, and about no others."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from reflectgen.cli import options as o
from reflectgen.cli.models import Models, recipe_of
from reflectgen.cli.working import print_end, say_how_to_go_on, spare_the_loop, work_and_count
from reflectgen.errors import RecipeError
from reflectgen.jobs.accounts import refuse_limits_without_prices
from reflectgen.jobs.budget import Limits
from reflectgen.jobs.folder import existing_job, job_folder, salt_of
from reflectgen.jobs.recipe import Recipe, differences, job_recipe
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.regenerate import open_again, read_conditions
from reflectgen.jobs.rewrite import PROMPTS, place_of
from reflectgen.jobs.roles import open_roles
from reflectgen.jobs.run import Run
from reflectgen.reflection.rewriter import REWRITER
from reflectgen.store import jobs, regenerations

HOW_TO_GO_ON = "the same command without --where goes on"
KEPT = ("read", "chunks", "form", "formats")  # of the job's recipe, whatever the new one says


def regenerate(
    folder: o.Folder,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", "-w", help="KEY=VALUE, of verdict, category, road, guard, reason, prompt; all must hold."
        ),
    ] = None,
    recipe: o.RecipePath = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many chunks it would be.")] = False,
    max_cost: o.MaxCost = None,
    max_tokens_total: o.MaxTokens = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Ask again about the chunks that --where selects; without it, go on with what was begun."""
    conditions = read_conditions(where or [])
    with existing_job(folder) as (store, job), store.read() as connection:
        num_chunks = regenerations.count(connection, job.id, conditions)
    if dry_run:
        typer.echo(f"{num_chunks:,} chunks would be asked about again")
        return
    if not conditions and job.state == "finished":
        raise RecipeError(f"{folder} is finished: --where says about which of its chunks to ask again")
    if not job.ingested:
        raise RecipeError(f"{folder} has not read its input to the end: `reflectgen run` goes on with it")
    if conditions and not num_chunks:
        typer.echo(f"no chunk of {folder} is {' and '.join(where or [])}: nothing is asked about again")
        return
    file = recipe_of(Models(recipe=recipe))
    _refuse_unfit(file, Recipe.model_validate(job.recipe), is_given=recipe is not None)
    limits = Limits(max_cost, max_tokens_total)
    asyncio.run(_regenerate(folder, conditions, file, limits, quiet))


def _refuse_unfit(file: RecipeFile, begun_with: Recipe, *, is_given: bool) -> None:
    """Refuse a recipe that would put something else in the place of what was made.

    Raises:
        RecipeError: none was given, and the built-in guard and teacher would stand in for others; or only one of the
            two recipes writes hints.
    """
    if begun_with.teacher and begun_with.teacher["role"] == REWRITER:
        raise RecipeError("this job writes for an ablation arm; remove its folder and run `reflectgen rewrite` again")
    others = [
        one["model"]
        for one in (begun_with.teacher, begun_with.guard)
        if one and not one["model"].startswith("builtin-")
    ]
    if others and not is_given:
        raise RecipeError(f"the job was made with {others[0]}, whose address is not kept: give --recipe")
    if (file.policy.mode == "hint") != (begun_with.form.style == "hint"):
        raise RecipeError(
            f"the job's mode is {begun_with.form.style} and the recipe's {file.policy.mode}: say the same"
        )


async def _regenerate(folder: Path, conditions: dict[str, str], file: RecipeFile, limits: Limits, quiet: bool) -> None:
    async with open_roles(file, cache_salt=salt_of(folder)) as roles:
        spare_the_loop()
        refuse_limits_without_prices(limits, roles)
        with job_folder(folder) as store:
            with store.read() as connection:
                job = jobs.latest(connection)
            assert job is not None
            with o.checked():
                begun_with = Recipe.model_validate(job.recipe)
                recipe = job_recipe(file, roles, **{name: getattr(begun_with, name) for name in KEPT})
            if conditions:
                num_chunks = open_again(store, job, conditions, recipe)
                typer.echo(f"{num_chunks:,} chunks are asked about again", err=True)
            else:
                _refuse_another_recipe(job, recipe)
            with store.read() as connection:
                job = jobs.latest(connection)
            assert job is not None
            task = Run(store, folder, recipe, roles, file.num_slots, limits=limits, is_exported=not recipe.is_chat)
            finished, counts, use = await work_and_count(
                task, job, [], quiet, lambda _: f"the older reflections stand; {HOW_TO_GO_ON}"
            )
    if not finished:
        raise typer.Exit(say_how_to_go_on(task, counts, HOW_TO_GO_ON))
    for arm in PROMPTS:
        if place_of(folder, arm).exists():
            typer.echo(f"for chunks that became unsafe: reflectgen rewrite {folder} --arm {arm}", err=True)
    if recipe.is_chat:
        typer.echo(f"asked again; write the conversations with `reflectgen sft-data INPUT... --to {folder}`")
    else:
        print_end(task, counts, use, [])


def _refuse_another_recipe(job: jobs.Job, recipe: Recipe) -> None:
    changed = next(differences(job.recipe, recipe.model_dump(mode="json")), None)
    if changed:
        raise RecipeError(f"to go on, give the recipe that it was begun with ({changed})")
