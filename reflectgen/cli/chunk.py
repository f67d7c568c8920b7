"""`reflectgen chunk`: see how a corpus is cut, without a job."""

from __future__ import annotations

import json

import typer

from reflectgen.cli import options as o
from reflectgen.cli.stream import Rejected, documents
from reflectgen.corpus.chunk import ChunkOptions, make_chunker
from reflectgen.corpus.read import ReadOptions
from reflectgen.shards import chunks_of


def chunk(
    inputs: o.Inputs,
    text_field: o.TextField = "text",
    id_field: o.IdField = "id",
    chunk_words: o.ChunkWords = 100,
    chunk_tokens: o.ChunkTokens = None,
    tokenizer: o.Tokenizer = None,
) -> None:
    """Print one JSON line a chunk: document id, index, start and end in code points, text."""
    with o.checked():
        options = ChunkOptions(chunk_words=chunk_words, chunk_tokens=chunk_tokens, tokenizer=tokenizer)
        read = ReadOptions(text_field=text_field, id_field=id_field)
    chunker = make_chunker(options)
    rejected = Rejected()
    for document in documents(inputs, read, rejected):
        for each in chunks_of(document, chunker.ends(document.text)):
            row = {"id": each.document_id, "chunk": each.index, "start": each.start, "end": each.end, "text": each.text}
            typer.echo(json.dumps(row, ensure_ascii=False))
    rejected.report()
