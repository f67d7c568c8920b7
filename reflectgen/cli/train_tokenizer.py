"""`reflectgen train-tokenizer`: a tokenizer from a corpus, for models too small for a large vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reflectgen.cli import options as o
from reflectgen.cli.stream import Rejected, documents
from reflectgen.corpus.read import ReadOptions


def train_tokenizer(
    inputs: o.Inputs,
    to: Annotated[Path, typer.Option("--to", help="The tokenizer's folder.")],
    vocab_size: Annotated[int, typer.Option(min=300, help="Ids, at most; 256 of them are bytes.")] = 2048,
    text_field: o.TextField = "text",
    open_marker: o.OpenMarker = "<think>",
    close_marker: o.CloseMarker = "</think>",
    end_of_text: o.EndOfText = "<|endoftext|>",
) -> None:
    """Learn a byte-level BPE tokenizer from a corpus, or from an export of one, reflections included."""
    from reflectgen.train.tokenizer import train_tokenizer as learn

    with o.checked():
        form = o.form_of("contextual", open_marker, close_marker, end_of_text, None)
        read = ReadOptions(text_field=text_field)
    rejected = Rejected()
    num_ids = learn((document.text for document in documents(inputs, read, rejected)), to, vocab_size, form)
    rejected.report()
    typer.echo(f"a tokenizer of {num_ids:,} ids: {to}", err=True)
