"""`reflectgen estimate`: what a run would take, before it takes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from reflectgen.cli import options as o
from reflectgen.cli.display import duration, short
from reflectgen.cli.models import Models, recipe_of
from reflectgen.cli.stream import Rejected
from reflectgen.corpus.chunk import ChunkOptions, make_chunker
from reflectgen.corpus.read import ReadOptions, read_rows
from reflectgen.corpus.sources import find_sources
from reflectgen.errors import InputError
from reflectgen.jobs.estimate import Estimate
from reflectgen.jobs.estimate import estimate as estimate_job
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import open_roles
from reflectgen.jobs.sampling import Sample, Total, draw_files
from reflectgen.records import Document

GIGABYTE = 10**9


def estimate(
    inputs: o.Inputs,
    text_field: o.TextField = "text",
    id_field: o.IdField = "id",
    max_document_bytes: o.MaxDocumentBytes = 10_000_000,
    chunk_words: o.ChunkWords = 100,
    chunk_tokens: o.ChunkTokens = None,
    tokenizer: o.Tokenizer = None,
    recipe: o.RecipePath = None,
    sample: Annotated[int, typer.Option(min=10, help="Documents to look at closely, each as likely as any.")] = 1000,
    read_gb: Annotated[
        float, typer.Option("--read-gb", min=0, help="Of a larger input read whole files, by lot, up to so many GB.")
    ] = 1.0,
    ask: Annotated[int, typer.Option(min=0, help="Real questions to the teacher, to measure its answers.")] = 0,
    tokens_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="Answer tokens a second of the teacher's endpoints together.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    as_json: o.AsJson = False,
) -> None:
    """Say how many chunks, calls, tokens, and how much money or GPU time a run would take, with intervals."""
    with o.checked():
        file = recipe_of(Models(recipe=recipe))
        read = ReadOptions(text_field=text_field, id_field=id_field, max_document_bytes=max_document_bytes)
        chunks = ChunkOptions(chunk_words=chunk_words, chunk_tokens=chunk_tokens, tokenizer=tokenizer)
    rejected = Rejected()
    with Console(stderr=True).status("reading"):
        drawn = _read(inputs, read, chunks, rejected, size=sample, max_bytes=round(read_gb * GIGABYTE), seed=seed)
    found = asyncio.run(_estimate(drawn, file, ask, tokens_per_second))
    if as_json:
        typer.echo(json.dumps(found.to_json()))
    else:
        _print(found)
    rejected.report()


def _read(
    inputs: list[str],
    read: ReadOptions,
    chunks: ChunkOptions,
    rejected: Rejected,
    *,
    size: int,
    max_bytes: int,
    seed: int,
) -> Sample:
    sources, _ = find_sources(inputs)
    num_bytes = sum(source.size_bytes for source in sources)
    sample = Sample(size, seed, make_chunker(chunks), num_files=len(sources), num_bytes=num_bytes)
    for source in draw_files(sources, max_bytes, seed):
        sample.begin_file(source.size_bytes)
        for row in read_rows(source, read):
            if isinstance(row, Document):
                sample.show(row)
            else:
                rejected.add(row)
    if not sample.drawn:
        raise InputError(f"no row of {', '.join(inputs)} is a document; see --text-field and --id-field")
    return sample


async def _estimate(sample: Sample, file: RecipeFile, ask: int, tokens_per_second: float | None) -> Estimate:
    async with open_roles(file) as roles:
        return await estimate_job(sample, file, roles, num_asked=ask, tokens_per_second=tokens_per_second)


def _print(found: Estimate) -> None:
    console = Console(highlight=False, soft_wrap=True)
    files = "all" if found.num_files_read == found.num_files else f"{found.num_files_read:,} of {found.num_files:,}"
    looked = f"{found.num_documents_looked_at:,} of their documents"
    console.print(f"read {files} files, looked closely at {looked}")
    table = Table(show_header=True, box=None, pad_edge=False)
    table.add_column("")
    table.add_column("estimate", justify="right")
    table.add_column("interval")
    for name, total in _totals(found):
        if total is not None:
            interval = "exact" if total.low == total.high else f"{_number(total.low)} to {_number(total.high)}"
            table.add_row(name, _number(total.value), interval)
    console.print(table)
    if not found.roles:
        console.print("no endpoint is asked: it costs this machine's time alone")
    elif found.hours:
        console.print(f"that is {duration(found.hours.value * 3600)} of work for the teacher")
    for known in found.known:
        figure = known.figure
        interval = "" if figure.low == figure.high else f" ({_number(figure.low)} to {_number(figure.high)})"
        console.print(f"{known.what}: {_number(figure.value)}{interval}, {known.source}", markup=False)
    for note in found.notes:
        console.print(f"note: {note}", markup=False)


def _totals(found: Estimate) -> Iterator[tuple[str, Total | None]]:
    yield "documents", found.documents
    yield "characters", found.characters
    yield "chunks", found.chunks
    yield "  that reach the teacher", found.asked
    for role in found.roles:
        yield f"{role.role}: calls", role.calls
        yield "  prompt tokens", role.prompt_tokens
        yield "  answer tokens", role.completion_tokens
    yield "hours", found.hours
    yield "GPU-hours", found.gpu_hours
    yield "cost", found.cost


def _number(value: float) -> str:
    if value >= 1e6:
        return short(round(value))
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"
