"""Text files: one document a file, named by its path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from reflectgen.corpus.rows import ReadOptions, Rejection, RejectReason
from reflectgen.records import Document

BOM = b"\xef\xbb\xbf"


def read_text(file: IO[bytes], name: str, options: ReadOptions) -> Iterator[tuple[int, Document | Rejection]]:
    """Yield the file's one row: its text as the document `name`, or why it is none; the line is 0, the whole file."""
    yield 0, _document(file.read(options.max_document_bytes + len(BOM) + 1), name, options)


def _document(content: bytes, name: str, options: ReadOptions) -> Document | Rejection:
    content = content.removeprefix(BOM)
    if len(content) > options.max_document_bytes:
        return Rejection(RejectReason.TOO_LARGE, f"the file has more than {options.max_document_bytes} bytes")
    try:
        return Document(name, content.decode())
    except UnicodeDecodeError as error:
        return Rejection(RejectReason.UNDECODABLE, f"not UTF-8: {error.reason} at byte {error.start}")
