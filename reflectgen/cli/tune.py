"""`reflectgen sft` and `reflectgen finetune`: a checkpoint learns conversations."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reflectgen.cli.train import line_of
from reflectgen.jobs.recipe_file import read_toml
from reflectgen.train.extra import needs_extra

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="A TOML file; docs/training.md has every option.")]


def sft(config: Config) -> None:
    """Train a checkpoint on the conversations of `sft-data`, going on where the same command was interrupted."""
    _run(config, is_sft_data=True)


def finetune(config: Config) -> None:
    """Fine-tune a checkpoint on chat of your own, whole or by LoRA, with the replay set mixed in if you have one."""
    _run(config, is_sft_data=False)


def _run(config: Path, is_sft_data: bool) -> None:
    from reflectgen.train.tune_options import TuneOptions

    options = read_toml(config, TuneOptions, f"the configuration {config}")
    try:
        from reflectgen.train import tune
    except ImportError as error:
        raise needs_extra(error.name) from error
    console = Console(soft_wrap=True, highlight=False, quiet=os.environ.get("RANK", "0") != "0")
    run = tune.sft if is_sft_data else tune.tune
    fitted = run(
        options,
        on_log=lambda step, figures: console.print(line_of(step, figures), markup=False),
        on_note=lambda note: console.print(note, markup=False),
    )
    console.print(f"{fitted.num_steps:,} steps, {fitted.num_tokens:,} tokens: {fitted.folder}", style="bold")
