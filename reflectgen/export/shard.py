"""One corpus shard becomes one file a format, in a single pass over its documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from reflectgen.errors import InputError
from reflectgen.export.formats import Format
from reflectgen.export.jsonl import JsonDocuments
from reflectgen.export.manifest import FileEntry
from reflectgen.export.parquet import ParquetDocuments
from reflectgen.export.record import ChunkReflection, WovenDocument
from reflectgen.export.standoff import stand_off
from reflectgen.export.tally import Tally
from reflectgen.export.weave import weave
from reflectgen.records import Document
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import whole_file

Reflected = tuple[Document, Sequence[ChunkReflection]]
Add = Callable[[Document, Sequence[ChunkReflection], WovenDocument], None]


def write_shard(
    number: int,
    num_shards: int,
    documents: Iterable[Reflected],
    directory: Path,
    formats: Sequence[Format],
    form: FormOptions,
) -> tuple[list[FileEntry], Tally]:
    """Weave the documents of one shard and write them in every format; memory does not grow with the shard.

    Raises:
        OutputError: the folder cannot be written, or the disk is full; nothing half-written stays.
        InputError: the documents cannot be read.
        VerificationError: a document's reflections do not cover it.
    """
    paths = [directory / format_.file(number, num_shards) for format_ in formats]
    tally = Tally()
    with ExitStack() as stack:
        partials = [stack.enter_context(whole_file(path)) for path in paths]
        outputs = [stack.enter_context(_writing(*to)) for to in zip(formats, partials, strict=True)]
        for document, reflections in _read(documents):
            woven = weave(document, reflections, form)
            tally.add(document.text, woven)
            for add in outputs:
                add(document, reflections, woven)
    entries = [_entry(directory, format_, number, num_shards, tally) for format_ in formats]
    return entries, tally


def _read(documents: Iterable[Reflected]) -> Iterator[Reflected]:
    """Yield what is given; a failure to read it must not look like one to write."""
    try:
        yield from documents
    except OSError as error:
        raise InputError(f"cannot read a corpus shard: {error}; bring it back and run again") from error


@contextmanager
def _writing(format_: Format, path: Path) -> Iterator[Add]:
    """Yield what adds a document to a file of this format; the file is complete once the block ends."""
    if format_ is Format.PARQUET:
        with ParquetDocuments(path) as parquet:
            yield lambda document, reflections, woven: parquet.add(woven)
    elif format_ is Format.STANDOFF:
        with JsonDocuments(path, compress=True) as beside:
            yield lambda document, reflections, woven: beside.add(stand_off(document, reflections, woven))
    else:
        with JsonDocuments(path, compress=format_ is Format.JSONL_ZST) as lines:
            yield lambda document, reflections, woven: lines.add(woven)


def _entry(directory: Path, format_: Format, number: int, num_shards: int, tally: Tally) -> FileEntry:
    path = format_.file(number, num_shards)
    with (directory / path).open("rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        num_bytes = written.tell()
    return FileEntry(
        path=path,
        format=format_,
        shard=number,
        sha256=sha256,
        num_bytes=num_bytes,
        num_documents=tally.num_documents,
        num_reflections=tally.num_chunks,
    )
