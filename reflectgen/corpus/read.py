"""Reading sources row by row: every row becomes a document, or a rejected row with its line and reason."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import IO

from reflectgen.corpus.jsonl import read_jsonl
from reflectgen.corpus.rows import ReadOptions, Rejection, RejectReason
from reflectgen.corpus.sources import STDIN, Found, Source, SourceFormat, find_sources, one_line, open_filesystem
from reflectgen.corpus.tables import read_arrow, read_parquet
from reflectgen.corpus.text import read_text
from reflectgen.errors import InputError
from reflectgen.records import Document, RejectedRow

__all__ = ["Found", "ReadOptions", "RejectReason", "Source", "SourceFormat", "find_sources", "read_rows"]


def read_rows(source: Source, options: ReadOptions, skip_rows: int = 0) -> Iterator[Document | RejectedRow]:
    """Yield exactly one item a row of `source`, in order, without the first `skip_rows` items.

    Whatever is wrong with a row rejects that row; a file that is corrupt or cut off ends with one rejected row.

    Raises:
        InputError: the file is gone, or its store fails or refuses; what was yielded before stays good.
    """
    try:
        with _open(source) as file:
            for line, row in _rows(source, file, options, skip_rows):
                if isinstance(row, Rejection):
                    yield RejectedRow(source.path, line, row.reason, row.detail)
                else:
                    yield Document(row.id, row.text, row.metadata, line)
    except InputError:
        raise
    except Exception as error:  # each store raises errors of its own
        raise InputError(f"cannot read {source.path}: {one_line(error)}; make it readable and run again") from error


def _rows(
    source: Source, file: IO[bytes], options: ReadOptions, skip_rows: int
) -> Iterator[tuple[int, Document | Rejection]]:
    if source.format is SourceFormat.PARQUET:
        return read_parquet(file, options, skip_rows)
    if source.format is SourceFormat.ARROW:
        return read_arrow(file, options, skip_rows)
    if source.format is SourceFormat.TEXT:
        return read_text(file, source.name, options) if skip_rows == 0 else iter(())
    return read_jsonl(file, options, skip_rows)


def _open(source: Source) -> IO[bytes]:
    if source.path == STDIN:
        return sys.stdin.buffer
    filesystem, path = open_filesystem(source.path)
    file: IO[bytes] = filesystem.open(path, "rb")
    return file
