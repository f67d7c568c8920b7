"""Input becomes corpus shards: rows are read, judged good or bad, cut into chunks, written, and only then counted."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from reflectgen.corpus.read import ReadOptions, Source, read_rows
from reflectgen.errors import InputError
from reflectgen.records import Document, RejectedRow
from reflectgen.shards import write_chunk_ends, write_documents
from reflectgen.store import Store, corpus, jobs

# A shard is the unit that is held in memory, handed to a worker and lost at most: small enough for all three.
SHARD_BYTES = 4 << 20
SHARD_ROWS = 4096
# The first shards are a sixteenth of that, the next an eighth and so on. So the first question is asked soon, no shard
# is a large part of its job, which keeps as many workers busy as it has shards, and a large corpus has few in all.
NUM_SMALLER = 4
SHARDS_OF_A_SIZE = 16
LOOK_UP_ROWS = 256  # ids are looked up in the store so many at a time, or those of so much text
LOOK_UP_CHARACTERS = SHARD_BYTES >> NUM_SMALLER


def shard_bytes(number: int) -> int:
    """Return how much text, in bytes, shard `number` is to hold."""
    return SHARD_BYTES >> _smaller(number)


def _smaller(number: int) -> int:
    return max(NUM_SMALLER - number // SHARDS_OF_A_SIZE, 0)


class Chunker(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def ends(self, text: str) -> list[int]: ...


@dataclass(slots=True)
class _Batch:
    """What will become the next shard, and how far it takes each source."""

    documents: list[Document] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    rejected: list[tuple[int, int, RejectedRow]] = field(default_factory=list)
    num_rows: dict[int, int] = field(default_factory=dict)  # by source: rows read in all
    finished: set[int] = field(default_factory=set)
    num_bytes: int = 0

    def full(self, number: int) -> bool:
        """Whether it is as large as shard `number` is to be."""
        num_rows = len(self.documents) + len(self.rejected)
        return self.num_bytes >= shard_bytes(number) or num_rows >= SHARD_ROWS >> _smaller(number)


AlsoKeep = Callable[[Connection, corpus.Shard], None]
ReadRows = Callable[[Source, ReadOptions, int], Iterator[Document | RejectedRow]]


def ingest(
    store: Store,
    job_id: int,
    sources: Sequence[Source],
    options: ReadOptions,
    chunker: Chunker,
    folder: Path,
    *,
    also_keep: AlsoKeep | None = None,
    read: ReadRows = read_rows,
) -> Generator[corpus.Shard, None, None]:
    """Read what the job has not read yet and yield each new shard once it is kept, with what `also_keep` adds to it.

    Stopped anywhere and called again it makes the same shards; a row is counted in the transaction that keeps it.

    Raises:
        InputError: a source cannot be read, or is not the one that was read before.
        OutputError: the folder or the store cannot be written.
    """
    with store.read() as connection:
        known = jobs.sources(connection, job_id)
        number = corpus.num_shards(connection, job_id)
    batch = _Batch()
    for row, source in zip(known, sources, strict=True):
        if row.finished:
            continue
        num_rows = row.num_rows
        following = _rows_after(store, job_id, source, options, num_rows, read)
        for rows in _groups(following, LOOK_UP_ROWS):
            _sort_out(store, job_id, row, num_rows, rows, batch)
            num_rows += len(rows)
            batch.num_rows[row.number] = num_rows
            if batch.full(number):
                yield from _keep(store, job_id, number, batch, chunker, folder, also_keep)
                number, batch = number + bool(batch.documents), _Batch()
        batch.num_rows[row.number] = num_rows
        batch.finished.add(row.number)
    yield from _keep(store, job_id, number, batch, chunker, folder, also_keep)
    with store.write() as connection:
        jobs.mark_ingested(connection, job_id)


def _rows_after(
    store: Store, job_id: int, source: Source, options: ReadOptions, num_rows: int, read: ReadRows
) -> Iterator[Document | RejectedRow]:
    """Yield a source's rows without the first `num_rows`.

    Raises:
        InputError: it has no stamp, as standard input has none, and does not begin with the documents that this job
            has read from it.
    """
    if source.stamp or not num_rows:
        yield from read(source, options, num_rows)
        return
    rows = read(source, options, 0)
    num_passed = 0
    for group in _groups(islice(rows, num_rows), LOOK_UP_ROWS):
        keys = {corpus.document_key(row.id) for row in group if isinstance(row, Document)}
        with store.read() as connection:
            if keys - corpus.known_keys(connection, job_id, sorted(keys)):
                break
        num_passed += len(group)
    if num_passed < num_rows:
        raise InputError(
            f"{source.path} does not begin with the {num_rows:,} rows that this job has read from it; "
            "give it the same input again, or name another --out"
        )
    yield from rows


def _sort_out(
    store: Store, job_id: int, source: jobs.SourceRow, first: int, rows: Sequence[Document | RejectedRow], batch: _Batch
) -> None:
    """Put each row into the batch: as a document, or as rejected, a second document with a known id included."""
    keys = [corpus.document_key(row.id) if isinstance(row, Document) else b"" for row in rows]
    with store.read() as connection:
        known = corpus.known_keys(connection, job_id, [key for key in keys if key]) | set(batch.keys)
    for ordinal, (row, key) in enumerate(zip(rows, keys, strict=True), first):
        if isinstance(row, RejectedRow):
            batch.rejected.append((source.number, ordinal, row))
        elif key in known:
            detail = f"a document with id {row.id[:80]!r} came before"
            batch.rejected.append((source.number, ordinal, RejectedRow(source.path, row.line, "duplicate_id", detail)))
        else:
            known.add(key)
            batch.keys.append(key)
            batch.documents.append(row)
            batch.num_bytes += len(row.text.encode())


def _keep(
    store: Store,
    job_id: int,
    number: int,
    batch: _Batch,
    chunker: Chunker,
    folder: Path,
    also_keep: AlsoKeep | None,
) -> Iterator[corpus.Shard]:
    """Write the batch's files, then in one transaction everything that is known of it."""
    shard = _write(number, batch, chunker, folder) if batch.documents else None
    with store.write() as connection:
        if shard:
            corpus.add_shard(connection, job_id, shard, batch.keys)
            if also_keep:
                also_keep(connection, shard)
        corpus.add_rejected_rows(connection, job_id, batch.rejected)
        _advance(connection, job_id, batch)
    if shard:
        yield shard


def _write(number: int, batch: _Batch, chunker: Chunker, folder: Path) -> corpus.Shard:
    splitter = f"{chunker.name} {chunker.version}"
    ends = [chunker.ends(document.text) for document in batch.documents]
    documents = write_documents(folder, number, batch.documents)
    chunks = write_chunk_ends(folder, number, ends, splitter)
    return corpus.Shard(
        number=number,
        corpus_file=documents.name,
        corpus_sha256=documents.sha256,
        chunks_file=chunks.name,
        chunks_sha256=chunks.sha256,
        splitter=splitter,
        num_documents=len(batch.documents),
        num_chunks=sum(map(len, ends)),
        num_bytes=batch.num_bytes,
    )


def _advance(connection: Connection, job_id: int, batch: _Batch) -> None:
    for number, num_rows in batch.num_rows.items():
        jobs.advance_source(connection, job_id, number, num_rows, number in batch.finished)


def _groups(rows: Iterator[Document | RejectedRow], size: int) -> Iterator[list[Document | RejectedRow]]:
    """Cut a stream into lists of at most `size` rows, and of few where they are long."""
    group: list[Document | RejectedRow] = []
    num_characters = 0
    for row in rows:
        group.append(row)
        num_characters += len(row.text) if isinstance(row, Document) else 0
        if len(group) == size or num_characters >= LOOK_UP_CHARACTERS:
            yield group
            group, num_characters = [], 0
    if group:
        yield group
