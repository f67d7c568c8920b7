"""Corpus shards: numbered, content-hashed Parquet files of documents, and beside each the ends of its chunks.

    corpus/00003-1f0c9a2b7d4e.parquet   id, text, metadata           one row a document
    chunks/00003-8c41d0e9a6b2.parquet   ends: list<int32>            the same rows; code points

The hex digits begin the SHA-256 of the file. Chunks lie apart because the same documents may be cut in several ways.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from reflectgen.errors import OutputError
from reflectgen.records import Chunk, Document

CORPUS_SCHEMA = pa.schema([("id", pa.string()), ("text", pa.large_string()), ("metadata", pa.large_string())])
CHUNKS_SCHEMA = pa.schema([("ends", pa.list_(pa.int32()))])
PARTIAL = re.compile(r".+\.[0-9a-f]{8}\.partial")  # what `whole_file` writes to
GROUP_BYTES = 1 << 20  # a row group is what a single document costs to fetch


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A file that was written whole: its name within the job's folder, and the SHA-256 of its bytes."""

    name: str
    sha256: str


@contextmanager
def whole_file(path: Path, named: Callable[[Path], Path] | None = None) -> Iterator[Path]:
    """Yield a path to write to; the file appears under `path` only if the block ends well.

    Two who write the same file write to different paths, and the last one's is there in the end. With `named` the file
    gets the name that this finds for what was written.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(named(partial) if named else path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if path.parent.is_dir():
            partial.unlink(missing_ok=True)


def remove_partials(folder: Path) -> None:
    """Remove what writers that were killed left in a folder, in which nobody writes now."""
    for partial in folder.rglob("*.partial"):
        if PARTIAL.fullmatch(partial.name):
            partial.unlink(missing_ok=True)


def remove_files(paths: Iterable[Path]) -> None:
    """Remove files, of which some may have gone already.

    Raises:
        OutputError: one cannot be removed.
    """
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Say in one line why `path` was not written."""
    return OutputError(f"cannot write {path}: {error.strerror or error}; free or choose another place and run again")


def write_documents(folder: Path, number: int, documents: Sequence[Document]) -> ShardFile:
    """Write one corpus shard under `folder`/corpus.

    Raises:
        OutputError: see `whole_file`.
    """
    groups = (
        pa.table([[d.id for d in group], [d.text for d in group], [d.metadata for d in group]], schema=CORPUS_SCHEMA)
        for group in _groups(documents)
    )
    return _write(folder, "corpus", number, CORPUS_SCHEMA, groups)


def write_chunk_ends(folder: Path, number: int, ends: Sequence[Sequence[int]], splitter: str) -> ShardFile:
    """Write where each document's chunks end (code points) under `folder`/chunks; `splitter` is its name and version.

    Raises:
        OutputError: see `whole_file`.
    """
    schema = CHUNKS_SCHEMA.with_metadata({"splitter": splitter})
    return _write(folder, "chunks", number, schema, iter([pa.table([list(ends)], schema=schema)]))


def write_reflections(folder: Path, number: int, schema: pa.Schema, tables: Iterator[pa.Table]) -> ShardFile:
    """Write what is known of a shard's chunks under `folder`/reflections.

    Raises:
        OutputError: see `whole_file`.
    """
    return _write(folder, "reflections", number, schema, tables)


def read_documents(path: Path) -> Iterator[Document]:
    """Yield a corpus shard's documents in order, one row group in memory at a time."""
    with pq.ParquetFile(path) as shard:
        for group in range(shard.num_row_groups):
            yield from _documents(shard.read_row_group(group))


def read_document(path: Path, row: int) -> Document:
    """Return one document of a corpus shard by its row, reading only its row group.

    Raises:
        IndexError: the shard has no such row.
    """
    first, table = _group_with(path, row)
    return next(_documents(table.slice(row - first, 1)))


def read_group(path: Path, row: int) -> tuple[int, list[Document]]:
    """Return the row group that holds a row: the number of its first row, and its documents.

    Raises:
        IndexError: the shard has no such row.
    """
    first, table = _group_with(path, row)
    return first, list(_documents(table))


def read_chunk_ends(path: Path) -> list[list[int]]:
    """Return the chunk ends of every document of a shard, by row."""
    ends: list[list[int]] = pq.read_table(path).column("ends").to_pylist()
    return ends


def chunks_of(document: Document, ends: Sequence[int]) -> list[Chunk]:
    """Cut a document at `ends` (code points, ascending, the last one its length)."""
    chunks, start = [], 0
    for index, end in enumerate(ends):
        chunks.append(Chunk(document.id, index, start, end, document.text[start:end]))
        start = end
    return chunks


def _write(folder: Path, kind: str, number: int, schema: pa.Schema, tables: Iterator[pa.Table]) -> ShardFile:
    found = ""

    def named(written: Path) -> Path:
        nonlocal found
        with written.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        return folder / kind / f"{number:05d}-{found[:12]}.parquet"

    with (
        whole_file(folder / kind / f"{number:05d}.parquet", named) as partial,
        pq.ParquetWriter(partial, schema, compression="zstd") as writer,
    ):
        for table in tables:
            writer.write_table(table)
    return ShardFile(f"{kind}/{number:05d}-{found[:12]}.parquet", found)


def _group_with(path: Path, row: int) -> tuple[int, pa.Table]:
    with pq.ParquetFile(path) as shard:
        first = 0
        for group in range(shard.num_row_groups):
            num_rows = shard.metadata.row_group(group).num_rows
            if row < first + num_rows:
                return first, shard.read_row_group(group)
            first += num_rows
    raise IndexError(f"{path.name} has no row {row}")


def _groups(documents: Sequence[Document]) -> Iterator[list[Document]]:
    group: list[Document] = []
    num_bytes = 0
    for document in documents:
        group.append(document)
        num_bytes += len(document.text)
        if num_bytes >= GROUP_BYTES:
            yield group
            group, num_bytes = [], 0
    if group:
        yield group


def _documents(table: pa.Table) -> Iterator[Document]:
    columns = [table.column(name).to_pylist() for name in CORPUS_SCHEMA.names]
    return (Document(*row) for row in zip(*columns, strict=True))
