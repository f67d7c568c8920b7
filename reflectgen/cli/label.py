"""`reflectgen label`: what a guard says of every chunk, without a job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import islice

import typer

from reflectgen.cli import options as o
from reflectgen.cli.models import Models, guard_alone, recipe_of
from reflectgen.cli.stream import Rejected, documents
from reflectgen.corpus.chunk import ChunkOptions, make_chunker
from reflectgen.corpus.read import ReadOptions
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import open_roles
from reflectgen.records import Chunk
from reflectgen.shards import chunks_of

BATCH_CHUNKS = 256


def label(
    inputs: o.Inputs,
    text_field: o.TextField = "text",
    id_field: o.IdField = "id",
    chunk_words: o.ChunkWords = 100,
    recipe: o.RecipePath = None,
    guard_url: o.GuardUrl = None,
    guard_model: o.ModelName = None,
    concurrency: o.Concurrency = None,
    timeout: o.Timeout = None,
    outage_patience: o.Patience = None,
) -> None:
    """Print one JSON line a chunk: document id, chunk index, start, end, verdict, category, score."""
    models = Models(
        recipe=recipe,
        guard_url=guard_url,
        guard_model=guard_model,
        concurrency=concurrency,
        timeout_seconds=timeout,
        outage_patience_seconds=outage_patience,
    )
    with o.checked():
        file = guard_alone(recipe_of(models))
        read = ReadOptions(text_field=text_field, id_field=id_field)
        options = ChunkOptions(chunk_words=chunk_words)
    rejected = Rejected()
    asyncio.run(_label(inputs, read, options, file, rejected))
    rejected.report()


async def _label(
    inputs: list[str], read: ReadOptions, options: ChunkOptions, file: RecipeFile, rejected: Rejected
) -> None:
    chunks = _chunks(inputs, read, options, rejected)
    async with open_roles(file) as opened:
        while batch := list(islice(chunks, BATCH_CHUNKS)):
            for chunk, given in zip(batch, await opened.guard.label(batch), strict=True):
                row = {
                    "id": chunk.document_id,
                    "chunk": chunk.index,
                    "start": chunk.start,
                    "end": chunk.end,
                    "verdict": given.verdict,
                    "category": given.category,
                    "score": given.score,
                }
                typer.echo(json.dumps(row, ensure_ascii=False))


def _chunks(inputs: list[str], read: ReadOptions, options: ChunkOptions, rejected: Rejected) -> Iterator[Chunk]:
    chunker = make_chunker(options)
    for document in documents(inputs, read, rejected):
        yield from chunks_of(document, chunker.ends(document.text))
