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


class Mode(StrEnum):
    CONTEXTUAL = "contextual"
    TEMPLATE = "template"


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

TeacherUrl = Annotated[str | None, typer.Option(help="An OpenAI-compatible address; without it, the built-in teacher.")]
GuardUrl = Annotated[str | None, typer.Option(help="An OpenAI-compatible address; without it, the built-in guard.")]
ModelName = Annotated[str | None, typer.Option(help="The model to ask there, where it serves several.")]
Concurrency = Annotated[int, typer.Option(min=1, max=4096, help="Calls in flight.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds for one call.")]
Patience = Annotated[float, typer.Option(min=0, help="Seconds to wait for a server that is away.")]

Formats = Annotated[list[Format] | None, typer.Option("--format", "-f", help="What to write; give it again for more.")]
Style = Annotated[Mode, typer.Option("--mode", help="Verdicts with reasons, or verdict and category alone.")]
OpenMarker = Annotated[str, typer.Option(help="What a reflection begins with.")]
CloseMarker = Annotated[str, typer.Option(help="What it ends with.")]
EndOfText = Annotated[str, typer.Option(help="What follows an unsafe verdict.")]
EndAfterUnsafe = Annotated[bool, typer.Option(help="Whether it does.")]


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
