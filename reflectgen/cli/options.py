"""Options that several commands share, and how a value that an options model refuses becomes one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from reflectgen.export.formats import Format
from reflectgen.reflection.form import FormOptions


class Mode(StrEnum):
    CONTEXTUAL = "contextual"
    TEMPLATE = "template"
    HINT = "hint"


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The job's folder, as given to `run --out`.")]
Inputs = Annotated[
    list[str], typer.Argument(metavar="INPUT...", help="Files, folders, globs, fsspec addresses, or - for stdin.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

TextField = Annotated[str, typer.Option(help="The field that holds the text.")]
IdField = Annotated[str, typer.Option(help="The field that names the document; without it, a hash of the text does.")]
MaxDocumentBytes = Annotated[int, typer.Option(help="Longer documents are rejected.")]
ChunkWords = Annotated[int, typer.Option(help="Words in a chunk, at most.")]
ChunkTokens = Annotated[int | None, typer.Option(help="Tokens in a chunk, at most, instead; needs --tokenizer.")]
Tokenizer = Annotated[str | None, typer.Option(help="A tokenizer.json, or the folder that holds it.")]

RecipePath = Annotated[
    Path | None, typer.Option("--recipe", "-r", help="A TOML file that says who guards, teaches and judges, and how.")
]
TeacherUrl = Annotated[str | None, typer.Option(help="An OpenAI-compatible address; without it, the built-in teacher.")]
GuardUrl = Annotated[str | None, typer.Option(help="An OpenAI-compatible address; without it, the built-in guard.")]
ModelName = Annotated[str | None, typer.Option(help="The model to ask there, where it serves several.")]
Temperature = Annotated[float | None, typer.Option(min=0, max=2, help="Of the teacher; 0.7 unless told.")]
Seed = Annotated[int | None, typer.Option(help="Seed of every question; 0 unless told.")]
Attempts = Annotated[
    int | None, typer.Option(min=1, max=10, help="Answers asked for before the template stands in; 2 unless told.")
]
Concurrency = Annotated[int | None, typer.Option(min=1, max=4096, help="Questions in flight; 64 unless told.")]
Timeout = Annotated[float | None, typer.Option(min=0.1, help="Seconds for one call; 120 unless told.")]
Patience = Annotated[
    float | None, typer.Option(min=0, help="Seconds to wait for a server that is away; 600 unless told.")
]
MaxCost = Annotated[float | None, typer.Option(min=0, help="Stop before more than this is spent on the endpoints.")]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens-total", min=1, help="Stop before more tokens than this are used.")
]
StopAfter = Annotated[
    int | None,
    typer.Option("--stop-after-accepted", min=1, help="Stop at so many accepted answers of the teacher."),
]

Formats = Annotated[list[Format] | None, typer.Option("--format", "-f", help="What to write; give it again for more.")]
Style = Annotated[
    Mode | None, typer.Option("--mode", help="Verdicts with reasons (unless told), alone, or with a bridging hint.")
]
OpenMarker = Annotated[str, typer.Option(help="What a reflection begins with.")]
CloseMarker = Annotated[str, typer.Option(help="What it ends with.")]
EndOfText = Annotated[str, typer.Option(help="What follows an unsafe verdict.")]
EndAfterUnsafe = Annotated[bool | None, typer.Option(help="Whether it does; unless told, except after hints.")]

ArmSeed = Annotated[int, typer.Option(help="Seed of what chance decides in an arm.", min=0)]
ArmTokenizer = Annotated[
    Path | None,
    typer.Option(
        "--tokenizer",
        help="Count tokens of this tokenizer.json, or the folder with it; else words.",
    ),
]
ArmStrict = Annotated[bool, typer.Option("--strict", help="Treat controversial chunks as unsafe ones.")]


def form_of(
    style: str, open_marker: str, close_marker: str, end_of_text: str, end_after_unsafe: bool | None
) -> FormOptions:
    """Return the written form that the options spell out.

    Raises:
        ValidationError: the markers are not fit to be told apart.
    """
    ending = {} if end_after_unsafe is None else {"end_after_unsafe": end_after_unsafe}
    said = {"open_marker": open_marker, "close_marker": close_marker, "end_of_text": end_of_text, "style": style}
    return FormOptions.model_validate(said | ending)


@contextmanager
def checked() -> Iterator[None]:
    """Turn what an options model refuses into a wrong command line.

    Raises:
        typer.BadParameter: with the first thing that was wrong.
    """
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = "".join(f"--{str(part).replace('_', '-')}: " for part in first["loc"][:1])
        raise typer.BadParameter(option + first["msg"].removeprefix("Value error, ")) from error
