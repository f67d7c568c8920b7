"""`reflectgen medsafetyworld`: the controlled world in which the method can be proved or refuted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reflectgen.cli import options as o
from reflectgen.train.extra import missing_library, needs_extra

if TYPE_CHECKING:
    from reflectgen.evals.compare.tables import Table as Shown
    from reflectgen.evals.medsafetyworld.generator import Generator

medsafetyworld = typer.Typer(help="A made-up world in which safety is defined exactly.", no_args_is_help=True)

PresetName = Annotated[str, typer.Option("--preset", "-p", help="demo, cpu, gpu-small, paper or paper-two-hops.")]
ArmNames = Annotated[
    str,
    typer.Option("--arms", "-a", help="Names with commas; main, all, beyond for several. See docs/medsafetyworld.md."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="The world's folder; the same command there goes on.")]
WorldSeed = Annotated[int, typer.Option("--seed", min=0, help="Of the world and all its texts.")]
RUN_FOLDER = Path("medsafetyworld-out")
NoCue = Annotated[bool, typer.Option("--no-cue", help="Names of outcomes that say nothing of their safety.")]


@medsafetyworld.command()
def make(
    out: Out,
    preset: PresetName = "demo",
    arms: ArmNames = "main",
    seed: WorldSeed = 0,
    no_cue: NoCue = False,
    as_json: o.AsJson = False,
) -> None:
    """Write the corpora, the SFT and fine-tuning data and the questions of a world, for every arm."""
    from reflectgen.evals.medsafetyworld.arms import named_arms
    from reflectgen.evals.medsafetyworld.presets import named_preset
    from reflectgen.jobs.medsafetyworld import make_arms

    with o.checked():
        chosen = named_preset(preset, seed=seed, cue=not no_cue)
        wanted = named_arms(arms)
    console = Console(stderr=True, highlight=False)
    made = list(make_arms(chosen, wanted, out, lambda name: console.print(f"making {name}", markup=False)))
    if as_json:
        rows = [
            {
                "arm": one.arm.name,
                "pretraining": str(one.pretraining),
                "stages": {name: str(path) for name, path in one.stages.items()},
                "num_documents": one.num_documents,
                "num_tokens": one.num_tokens,
                "tokens_by_kind": one.tokens_by_kind,
            }
            for one in made
        ]
        typer.echo(json.dumps({"out": str(out), "arms": rows}))
        return
    table = Table(box=None)
    for column in ("arm", "documents", "tokens", "of reflections"):
        table.add_column(column, justify="left" if column == "arm" else "right")
    for one in made:
        share = one.tokens_by_kind["reflection"] / one.num_tokens
        table.add_row(one.arm.name, f"{one.num_documents:,}", f"{one.num_tokens:,}", f"{share:.1%}")
    Console(highlight=False).print(table)


@medsafetyworld.command()
def score(
    world: Annotated[Path, typer.Argument(metavar="WORLD", help="The folder that `make` wrote.")],
    checkpoint: Annotated[Path | None, typer.Option(help="A Hugging Face folder of a trained model.")] = None,
    url: Annotated[str | None, typer.Option(help="Or the address of a server with /v1/completions.")] = None,
    model: Annotated[str | None, typer.Option(help="The model to ask there, where it serves several.")] = None,
    reflects: Annotated[
        bool, typer.Option("--reflects/--plain", help="Whether the model is meant to write reflections.")
    ] = True,
    force_reflections: Annotated[
        bool, typer.Option("--force-reflections", help="Open a reflection for the model after each sentence.")
    ] = False,
    attacks: Annotated[str | None, typer.Option(help="Names with commas between them; all unless told.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of sampled answers.")] = 0,
) -> None:
    """Score a checkpoint, or a model behind an endpoint, on a world; prints JSON."""
    from reflectgen.evals.medsafetyworld.attacks import named_attacks
    from reflectgen.evals.medsafetyworld.evaluate import Evaluator
    from reflectgen.evals.medsafetyworld.forced import ForcedReflections
    from reflectgen.jobs.medsafetyworld import FORM, read_world
    from reflectgen.settings import read_settings

    if (checkpoint is None) == (url is None):
        raise typer.BadParameter("name either --checkpoint or --url")
    made, most, wordings = read_world(world)
    wanted = named_attacks(attacks)
    if checkpoint is not None:
        _check_extra()
        from reflectgen.evals.medsafetyworld.checkpoint import CheckpointGenerator

        generator: Generator = CheckpointGenerator(checkpoint)
    else:
        from reflectgen.evals.medsafetyworld.endpoint import EndpointGenerator

        assert url is not None
        generator = EndpointGenerator(url, FORM, model, read_settings().teacher_api_key)
    if force_reflections:
        generator = ForcedReflections(generator, FORM)
    console = Console(stderr=True, highlight=False)
    evaluator = Evaluator(
        made, generator, FORM, reflects=reflects, seed=seed, note=lambda said: console.print(said, markup=False)
    )
    typer.echo(json.dumps(evaluator.evaluate(most, wordings, wanted).to_json()))


@medsafetyworld.command()
def run(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of worlds, trainings and results.")] = RUN_FOLDER,
    preset: PresetName = "demo",
    arms: ArmNames = "main",
    seeds: Annotated[int, typer.Option(min=1, help="So many worlds and trainings.")] = 1,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of these seeds; the others follow it.")] = 0,
    results: Annotated[
        Path | None,
        typer.Option(help="Where results are, and go; OUT/results unless told. What is there is not redone."),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Arms at once, one core each; as many as it may use unless told. With a GPU, say 1."),
    ] = None,
    no_cue: NoCue = False,
    as_json: o.AsJson = False,
) -> None:
    """Make, train and evaluate arms; the same command goes on where it was stopped."""
    from reflectgen.evals.medsafetyworld.arms import named_arms
    from reflectgen.evals.medsafetyworld.presets import named_preset
    from reflectgen.evals.medsafetyworld.report import tables
    from reflectgen.evals.medsafetyworld.report.figures import grouped
    from reflectgen.evals.medsafetyworld.report.sources import read_sources
    from reflectgen.evals.medsafetyworld.report.write import PAGE_NAME, write_report
    from reflectgen.export.shard_processes import usable_cpus
    from reflectgen.jobs.medsafetyworld_run import Wanted, run_all

    _check_extra()
    named_preset(preset)
    wanted = [
        Wanted(preset, arm, seed, not no_cue)
        for seed in range(first_seed, first_seed + seeds)
        for arm in named_arms(arms)
    ]
    console = Console(stderr=True, highlight=False)
    folder = run_all(wanted, out, processes or usable_cpus(), lambda said: console.print(said, markup=False), results)
    names = {one.result_name for one in wanted}
    sources = read_sources([folder], names)
    write_report(sources, out / "report")
    page = out / "report" / PAGE_NAME
    if as_json:
        typer.echo(json.dumps({"out": str(out), "results": sorted(names), "report": str(page)}))
        return
    for group in grouped([source.result for source in sources]):
        for stage in group.stages:
            _print(tables.overview(group, stage))
        _print(tables.reflections(group, group.stages))
        _print(tables.verdicts(group, all_of_them=False))
    typer.echo(f"report: {page}")


@medsafetyworld.command()
def report(
    results: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Results that `run` wrote, or folders.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of the report.")],
    markdown: Annotated[
        Path | None, typer.Option(help="A document with a place for results, which is written anew.")
    ] = None,
) -> None:
    """Report on results of any arms, seeds and presets: JSON, pictures, and a page that needs nothing else."""
    from reflectgen.evals.medsafetyworld.report.sources import read_sources
    from reflectgen.evals.medsafetyworld.report.write import write_report

    for path in write_report(read_sources(results), out, markdown):
        typer.echo(path)


def _print(shown: Shown) -> None:
    if not shown.rows:
        return
    table = Table(title=shown.title, title_justify="left", box=None)
    for column, cells in zip(shown.columns, zip(*shown.rows, strict=True), strict=True):
        table.add_column(column, justify="left" if all(isinstance(cell, str) for cell in cells) else "right")
    for row in shown.rows:
        # As text: names come from files, and must not be read as markup.
        table.add_row(*(Text(cell if isinstance(cell, str) else f"{cell.value} ({cell.interval})") for cell in row))
    Console(highlight=False).print(table)


def _check_extra() -> None:
    """Raise TrainingError unless what trains and asks a checkpoint is installed."""
    if library := missing_library():
        raise needs_extra(library)
