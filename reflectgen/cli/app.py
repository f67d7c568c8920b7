"""The command line as a whole, and what it does with errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer
from rich.console import Console

from reflectgen import __version__
from reflectgen.cli import trainings
from reflectgen.cli.api import api
from reflectgen.cli.archive import archive
from reflectgen.cli.arms import arms
from reflectgen.cli.chunk import chunk
from reflectgen.cli.compare import compare
from reflectgen.cli.db import db
from reflectgen.cli.doctor import doctor
from reflectgen.cli.estimate import estimate
from reflectgen.cli.export import export
from reflectgen.cli.generate import generate
from reflectgen.cli.jobs import jobs
from reflectgen.cli.keys import keys
from reflectgen.cli.label import label
from reflectgen.cli.medsafetyworld import medsafetyworld
from reflectgen.cli.regenerate import regenerate
from reflectgen.cli.rewrite import rewrite
from reflectgen.cli.run import run
from reflectgen.cli.serve_teacher import serve_teacher
from reflectgen.cli.sft_data import sft_data
from reflectgen.cli.show import show
from reflectgen.cli.stats import stats
from reflectgen.cli.train import train
from reflectgen.cli.train_tokenizer import train_tokenizer
from reflectgen.cli.tune import finetune, sft
from reflectgen.cli.up import down, up
from reflectgen.cli.verify import verify
from reflectgen.errors import ReflectgenError

app = typer.Typer(
    name="reflectgen",
    help="Weave safety reflections into a pretraining corpus, and prove that nothing else changed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    estimate,
    run,
    sft_data,
    stats,
    show,
    regenerate,
    arms,
    rewrite,
    export,
    verify,
    archive,
    chunk,
    label,
    compare,
    doctor,
    serve_teacher,
    train_tokenizer,
    train,
    generate,
    sft,
    finetune,
    api,
    up,
    down,
):
    app.command()(command)
jobs.command()(trainings.train)
jobs.command()(trainings.trainings)
jobs.command()(trainings.model)
jobs.command()(trainings.delete_training)
for name, group in (("keys", keys), ("jobs", jobs), ("db", db), ("medsafetyworld", medsafetyworld)):
    app.add_typer(group, name=name)


@app.callback(invoke_without_command=True)
def _options(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; errors of ours become one line on stderr."""
    try:
        app(arguments)
    except ReflectgenError as error:
        said = "; ".join([f"error: {error}", *getattr(error, "__notes__", ())])
        Console(stderr=True, soft_wrap=True, highlight=False).print(said, style="red", markup=False)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `reflectgen show DIR | head` is no error; the pipe must not be touched again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0
