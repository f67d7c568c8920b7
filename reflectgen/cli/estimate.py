"""`reflectgen estimate`: what a run would take, before it takes it."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from reflectgen.cli import options as o
from reflectgen.cli.display import short
from reflectgen.cli.models import Models, recipe_of
from reflectgen.cli.stream import Rejected, documents
from reflectgen.corpus.chunk import ChunkOptions, make_chunker
from reflectgen.corpus.read import ReadOptions
from reflectgen.errors import InputError
from reflectgen.jobs.estimate import Estimate
from reflectgen.jobs.estimate import estimate as estimate_job
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import open_roles
from reflectgen.jobs.sampling import Reservoir, Total


def estimate(
    inputs: o.Inputs,
    text_field: o.TextField = "text",
    id_field: o.IdField = "id",
    chunk_words: o.ChunkWords = 100,
    chunk_tokens: o.ChunkTokens = None,
    tokenizer: o.Tokenizer = None,
    recipe: o.RecipePath = None,
    sample: Annotated[int, typer.Option(min=2, help="Documents to look at closely, each as likely as any.")] = 1000,
    ask: Annotated[int, typer.Option(min=0, help="Real questions to the teacher, to measure its answers.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    as_json: o.AsJson = False,
) -> None:
    """Say how many chunks, calls, tokens, and how much money or GPU time a run would take, with intervals."""
    with o.checked():
        file = recipe_of(Models(recipe=recipe))
        read = ReadOptions(text_field=text_field, id_field=id_field)
        chunks = ChunkOptions(chunk_words=chunk_words, chunk_tokens=chunk_tokens, tokenizer=tokenizer)
    rejected, reservoir = Rejected(), Reservoir(sample, seed)
    for document in documents(inputs, read, rejected):
        reservoir.show(document)
    if not reservoir.num_documents:
        raise InputError(f"no row of {', '.join(inputs)} is a document; see --text-field and --id-field")
    found = asyncio.run(_estimate(reservoir, chunks, file, ask, seed))
    if as_json:
        typer.echo(json.dumps(found.to_json()))
    else:
        _print(found)
    rejected.report()


async def _estimate(reservoir: Reservoir, chunks: ChunkOptions, file: RecipeFile, ask: int, seed: int) -> Estimate:
    async with open_roles(file) as roles:
        return await estimate_job(reservoir, make_chunker(chunks), file, roles, num_asked=ask, seed=seed)


def _print(found: Estimate) -> None:
    console = Console(highlight=False, soft_wrap=True)
    looked = "all of them" if found.num_sampled == found.num_documents else f"{found.num_sampled:,} of them"
    console.print(f"{found.num_documents:,} documents of {short(found.num_characters)} characters; looked at {looked}")
    table = Table(show_header=True, box=None, pad_edge=False)
    for name, justify in (("", "left"), ("estimate", "right"), ("95 % interval", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    _add(table, "chunks", found.chunks)
    if found.asked.value:
        _add(table, "that reach the teacher", found.asked)
    for role in found.roles:
        _add(table, f"{role.role}: calls", role.calls)
        _add(table, f"{role.role}: prompt tokens", role.prompt_tokens)
        _add(table, f"{role.role}: answer tokens", role.completion_tokens)
        if role.gpu_hours:
            _add(table, f"{role.role}: GPU-hours", role.gpu_hours)
        if role.cost:
            _add(table, f"{role.role}: cost", role.cost)
    console.print(table)
    if not found.roles:
        console.print("no endpoint is asked: it costs this machine's time alone")
    else:
        by = "as the server counts them" if found.counted_by_server else "assumed, no server said"
        console.print(f"{found.characters_per_token:.2f} characters a token ({by})")
    if found.answers.num_asked:
        said = found.answers
        each = f"{said.tokens:.0f} tokens each, {said.per_second:.2f} a second"
        console.print(f"asked {said.num_asked}: {said.num_usable} usable, {each}")
    for note in found.notes:
        console.print(f"note: {note}", markup=False)


def _add(table: Table, name: str, total: Total) -> None:
    interval = "exact" if total.low == total.high else f"{_number(total.low)} to {_number(total.high)}"
    table.add_row(name, _number(total.value), interval)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"
