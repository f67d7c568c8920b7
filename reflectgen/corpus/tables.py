"""Parquet files and the Arrow files of saved datasets, read in small batches; rows are numbered from 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from reflectgen.corpus.rows import ReadOptions, Rejection, RejectReason, document_from
from reflectgen.records import Document

BATCH_ROWS = 64  # as Python objects at once, each of up to a document's size
BUFFER_BYTES = 1 << 20  # of each column, so that a row group is never held whole

Rows = Iterator[tuple[int, Document | Rejection]]
Batches = Iterator[tuple[int, pa.RecordBatch]]  # each with the number of rows before it


def read_parquet(file: IO[bytes], options: ReadOptions, skip_rows: int) -> Rows:
    """Yield each row's number and what became of it, but for the first `skip_rows`."""
    return _rows(_parquet_batches(file, skip_rows), options, skip_rows)


def read_arrow(file: IO[bytes], options: ReadOptions, skip_rows: int) -> Rows:
    """Yield each row's number and what became of it, but for the first `skip_rows`; the file is an Arrow IPC stream."""
    return _rows(_arrow_batches(file), options, skip_rows)


def _rows(batches: Batches, options: ReadOptions, skip_rows: int) -> Rows:
    number = 0
    try:
        for first, batch in batches:
            number = first + batch.num_rows
            passed_over = max(0, skip_rows - first)
            if passed_over < batch.num_rows:
                yield from enumerate(_documents(batch.slice(passed_over), options), start=first + passed_over + 1)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the store failed, not the file
        if number >= skip_rows:
            yield number + 1, Rejection(RejectReason.UNREADABLE_FILE, f"the rest of the file: {error}")


def _parquet_batches(file: IO[bytes], skip_rows: int) -> Batches:
    with pq.ParquetFile(file, buffer_size=BUFFER_BYTES) as parquet:
        first = 0
        for group in range(parquet.num_row_groups):
            num_rows = parquet.metadata.row_group(group).num_rows
            # Only a row beyond this group proves that the group could be read before.
            if skip_rows <= first + num_rows:
                # One group at a time, so that where a corrupt one stops does not depend on where reading began.
                before = first
                for batch in parquet.iter_batches(BATCH_ROWS, row_groups=[group]):
                    yield before, batch
                    before += batch.num_rows
            first += num_rows


def _arrow_batches(file: IO[bytes]) -> Batches:
    first = 0
    with pa.ipc.open_stream(file) as stream:
        for batch in stream:
            for offset in range(0, batch.num_rows, BATCH_ROWS):
                yield first + offset, batch.slice(offset, BATCH_ROWS)
            first += batch.num_rows


def _documents(batch: pa.RecordBatch, options: ReadOptions) -> Iterator[Document | Rejection]:
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError):  # such as text that is not UTF-8, or a year that Python does not know
        rows = [_row(batch, index, options) for index in range(batch.num_rows)]
    for row in rows:
        yield row if isinstance(row, Rejection) else document_from(row, options)


def _row(batch: pa.RecordBatch, index: int, options: ReadOptions) -> dict[str, Any] | Rejection:
    """Return one row's fields one by one, those that Python cannot hold as Arrow writes them."""
    fields = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            fields[name] = column[index].as_py()
        except UnicodeDecodeError:
            if name in (options.text_field, options.id_field):
                return Rejection(RejectReason.UNDECODABLE, f"field {name!r} is not UTF-8")
            fields[name] = _as_arrow_prints(column, index)
        except (ValueError, OverflowError):
            fields[name] = _as_arrow_prints(column, index)
    return fields


def _as_arrow_prints(column: pa.Array, index: int) -> str:
    printed: str = column.slice(index, 1).to_string(skip_new_lines=True)
    return printed.removeprefix("[").removesuffix("]")
