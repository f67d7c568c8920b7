"""What `export` and `run` share to write a corpus as tokens: options, and the step after the woven documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from reflectgen.export.any_format import AnyFormat, made_formats, of_tokens
from reflectgen.export.dolma import DOLMA, export_dolma
from reflectgen.export.kinds import Weights
from reflectgen.export.marked_tokenizer import load_marked_tokenizer
from reflectgen.export.shard_processes import usable_cpus
from reflectgen.export.token_export import Making, export_tokens
from reflectgen.export.trainer_formats import TokenFormat
from reflectgen.export.woven_source import WovenExport, open_woven
from reflectgen.reflection.form import FormOptions

AnyFormats = Annotated[
    list[AnyFormat] | None, typer.Option("--format", "-f", help="What to write; give it again for more.")
]
Tokenizer = Annotated[
    Path | None,
    typer.Option(
        help="A tokenizer.json, or its folder: what formats of tokens are made with, and `raw-matched` counts."
    ),
]
Processes = Annotated[int | None, typer.Option(min=1, help="Processes that write; up to one a CPU unless told.")]
WeightText = Annotated[float, typer.Option(min=0, help="Loss weight of a document's own tokens.")]
WeightReflection = Annotated[float, typer.Option(min=0, help="Loss weight of reflections.")]
WeightEndOfText = Annotated[float, typer.Option(min=0, help="Loss weight of ends of text.")]
WeightPrefix = Annotated[float, typer.Option(min=0, help="Loss weight of what arm `prefix` puts before chunks.")]


def token_formats(wanted: Sequence[AnyFormat] | None) -> list[TokenFormat]:
    return [TokenFormat(one.value) for one in of_tokens(wanted)]


def check_tokenizer(wanted: Sequence[AnyFormat] | None, tokenizer: Path | str | None) -> None:
    """See that there is a tokenizer if tokens are wanted, before anything takes its time.

    Raises:
        typer.BadParameter: none is named.
        InputError: it is no tokenizer.
    """
    if named := token_formats(wanted):
        if tokenizer is None:
            raise typer.BadParameter(f"--format {named[0]} needs --tokenizer: a tokenizer.json, or the folder with it")
        load_marked_tokenizer(str(tokenizer), FormOptions())


def write_made(
    directory: Path,
    to: Path,
    wanted: Sequence[AnyFormat] | None,
    tokenizer: Path | str | None,
    weights: Weights,
    processes: int | None,
    *,
    quiet: bool = False,
) -> None:
    """Write what is wanted and is made from the woven documents of the export in `directory`, and say what it became.

    Raises:
        InputError: it is no tokenizer.
        VerificationError: there is no finished export.
    """
    if not made_formats(wanted):
        return
    woven = open_woven(directory)
    out = Console(soft_wrap=True, highlight=False, quiet=quiet)
    if formats := token_formats(wanted):
        making = Making(load_marked_tokenizer(str(tokenizer), woven.manifest.form), woven.manifest.form, weights)
        with _shown("tokenising", woven, quiet) as done:
            made = export_tokens(woven, to, formats, making, processes or usable_cpus(), done)
        if making.tokenizer.added:
            out.print(f"added to the tokenizer: {' '.join(making.tokenizer.added)}", markup=False)
        for format_, manifest in made.items():
            out.print(f"{manifest.num_tokens:,} tokens: {to / format_}", style="bold", markup=False)
    if AnyFormat.DOLMA in (wanted or ()):
        with _shown("writing dolma", woven, quiet) as done:
            beside = export_dolma(woven, to, processes or usable_cpus(), done)
        out.print(f"{beside.num_documents:,} documents with attributes: {to / DOLMA}", style="bold", markup=False)


@contextmanager
def _shown(what: str, woven: WovenExport, quiet: bool) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.completed} documents"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=woven.manifest.counts.num_documents)
        yield lambda num_documents: progress.advance(task, num_documents)
