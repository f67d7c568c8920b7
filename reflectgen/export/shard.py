"""One corpus shard becomes one file a format, document by document."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from reflectgen.errors import InputError
from reflectgen.export.arms.arm import ArmShard, Reflected, Rewritten
from reflectgen.export.arms.edit import own_text
from reflectgen.export.arms.options import ArmOptions
from reflectgen.export.arms.registry import Arm, Rows, make_arm
from reflectgen.export.formats import Format
from reflectgen.export.jsonl import JsonDocuments
from reflectgen.export.manifest import FileEntry
from reflectgen.export.parquet import ParquetDocuments
from reflectgen.export.record import ChunkReflection, EditedDocument, WovenDocument
from reflectgen.export.standoff import stand_off
from reflectgen.export.tally import Tally
from reflectgen.records import Document
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import whole_file

Add = Callable[[Document, Sequence[ChunkReflection], WovenDocument], None]


def write_shard(
    number: int,
    num_shards: int,
    documents: Iterable[Reflected],
    directory: Path,
    formats: Sequence[Format],
    form: FormOptions,
    arm: Arm | None = None,
    rewrites: Mapping[tuple[int, int], Rewritten] | None = None,
) -> tuple[list[FileEntry], Tally]:
    """Write the documents of one shard as `arm` has them, woven unless told, in every format.

    `documents` can be gone through more than once if the arm wants to. Memory does not grow with the corpus.

    Raises:
        OutputError: the folder cannot be written, or the disk is full; nothing half-written stays.
        InputError: the documents cannot be read.
        VerificationError: a document's reflections do not cover it.
    """
    arm = arm or make_arm(ArmOptions(), form)
    shard = ArmShard(number, _Documents(documents), rewrites or {})
    paths = [directory / format_.file(number, num_shards) for format_ in formats]
    tally = Tally()
    with ExitStack() as stack:
        partials = [stack.enter_context(whole_file(path)) for path in paths]
        outputs = [stack.enter_context(_writing(*to, arm.rows)) for to in zip(formats, partials, strict=True)]
        for written in arm.write(shard):
            woven = written.woven
            if woven is None:
                tally.num_left_out_documents += 1
                continue
            tally.num_repeated_documents += written.is_again
            tally.add(own_text(woven) if isinstance(woven, EditedDocument) else written.document.text, woven)
            for add in outputs:
                add(written.document, written.reflections, woven)
    entries = [_entry(directory, format_, number, num_shards, tally) for format_ in formats]
    return entries, tally


@dataclass(frozen=True, slots=True)
class _Documents:
    """What is given; a failure to read it must not look like one to write."""

    documents: Iterable[Reflected]

    def __iter__(self) -> Iterator[Reflected]:
        try:
            yield from self.documents
        except OSError as error:
            raise InputError(f"cannot read a corpus shard: {error}; bring it back and run again") from error


@contextmanager
def _writing(format_: Format, path: Path, rows: Rows) -> Iterator[Add]:
    """Yield what adds a document to a file of this format; the file is complete once the block ends."""
    if format_ is Format.PARQUET:
        with ParquetDocuments(path, edited=rows is Rows.EDITED) as parquet:
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
