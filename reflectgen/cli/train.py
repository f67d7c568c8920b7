"""`reflectgen train`: a corpus of tokens to a checkpoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reflectgen.jobs.recipe_file import read_toml
from reflectgen.train.extra import needs_extra


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A TOML file; docs/training.md has every option.")],
) -> None:
    """Train a model on token shards, going on where the same command was interrupted."""
    from reflectgen.train.options import TrainOptions

    options = read_toml(config, TrainOptions, f"the configuration {config}")
    try:
        from reflectgen.train.train import train as run
    except ImportError as error:
        raise needs_extra(error.name) from error
    console = Console(soft_wrap=True, highlight=False, quiet=os.environ.get("RANK", "0") != "0")
    fitted = run(options, on_log=lambda step, figures: console.print(line_of(step, figures), markup=False))
    console.print(f"{fitted.num_steps:,} steps, {fitted.num_tokens:,} tokens: {fitted.folder}", style="bold")


def line_of(step: int, figures: dict[str, float]) -> str:
    """Return a line of the log for people."""
    shown = {
        name: value for name, value in figures.items() if name not in ("tokens", "grad_norm", "held_out_num_verdicts")
    }
    return f"step {step:>6}  " + "  ".join(
        f"{name.replace('_', ' ')} {_number(value)}" for name, value in shown.items()
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2e}" if 0 < value < 0.01 else f"{value:.3f}"
