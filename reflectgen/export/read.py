"""Read an export's documents back, in order, a few at a time in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reflectgen.export.formats import Format
from reflectgen.export.jsonl import read_jsonl
from reflectgen.export.parquet import read_parquet
from reflectgen.export.record import EditedDocument, StandoffDocument, WovenDocument
from reflectgen.export.rows import Row, from_row


def read_rows(path: Path, format_: Format) -> Iterator[Row]:
    """Yield the rows of one data file.

    Raises:
        VerificationError: the file is damaged, or not of this format.
    """
    if format_ is Format.PARQUET:
        return read_parquet(path)
    return read_jsonl(path, compressed=format_ is not Format.JSONL)


def read_documents(path: Path, format_: Format) -> Iterator[WovenDocument | StandoffDocument]:
    """Yield the documents of one data file.

    Raises:
        VerificationError: the file is damaged, or not of this format.
    """
    for row in read_rows(path, format_):
        yield document_of(row, format_)


def document_of(row: Row, format_: Format) -> WovenDocument | StandoffDocument:
    """Return the document of one row.

    Raises:
        VerificationError: see `rows.from_row`.
    """
    if format_ is Format.STANDOFF:
        return from_row(StandoffDocument, row)
    return from_row(EditedDocument if "edits" in row else WovenDocument, row)
