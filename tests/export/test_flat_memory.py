"""Five times the corpus takes no more memory: only what Python itself holds is counted, so that nothing else disturbs.

Whole processes are measured by `benchmarks/export.py`, pyarrow's and the tokenizer's own memory with them.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reflectgen.export.dolma import export_dolma
from reflectgen.export.formats import Format
from reflectgen.export.kinds import Weights
from reflectgen.export.marked_tokenizer import load_marked_tokenizer
from reflectgen.export.record import ChunkReflection
from reflectgen.export.token_export import Making, export_tokens
from reflectgen.export.trainer_formats import TokenFormat
from reflectgen.export.woven_source import open_woven
from reflectgen.export.writing import Writing
from reflectgen.records import Document
from reflectgen.reflection.form import FormOptions
from tests.export.making import chunk, export_here, facts
from tests.export.tokenizers_of_tests import write_tokenizer

ENOUGH = 250  # documents that fill the batches of every step
NOISE = 200_000  # bytes that come and go, as buffers do
FORM = FormOptions()


def documents(num: int) -> Iterator[tuple[Document, list[ChunkReflection]]]:
    for number in range(num):
        text = f"Leaf {number} turns light into sugar. " * 40
        yield Document(str(number), text), [chunk(0, 0, 300), chunk(1, 300, len(text), rationale="it is a leaf.")]


def weave(folder: Path, num: int) -> None:
    export_here(Writing(folder, 1, (Format.JSONL,), FORM), [documents(num)], facts(num))


def tokenise(folder: Path, num: int) -> None:
    marked = load_marked_tokenizer(str(write_tokenizer("bytes", folder)), FORM)
    export_tokens(open_woven(folder), folder, list(TokenFormat), Making(marked, FORM, Weights()))


def lay_out(folder: Path, num: int) -> None:
    export_dolma(open_woven(folder), folder)


def peak_bytes(step: Callable[[Path, int], None], folder: Path, num: int) -> int:
    if step is not weave:
        weave(folder, num)
    tracemalloc.start()
    try:
        step(folder, num)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("step", [weave, tokenise, lay_out])
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path, step: Callable[[Path, int], None]) -> None:
    peak_bytes(step, tmp_path / "imports", 1)
    once = peak_bytes(step, tmp_path / "once", ENOUGH)
    assert peak_bytes(step, tmp_path / "five times", 5 * ENOUGH) < 1.15 * once + NOISE
