"""JSON lines: plain, gzip or Zstandard, told apart by their first bytes; one row a line that is not blank."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any, NamedTuple

from reflectgen.corpus.decompress import CORRUPT, decompressed
from reflectgen.corpus.rows import ReadOptions, Rejection, RejectReason, document_from, kind_of
from reflectgen.records import Document

BOM = b"\xef\xbb\xbf"
# JSON may need six bytes for one of the text (\u0000), and a row has other fields.
BYTES_PER_TEXT_BYTE, OTHER_FIELDS_BYTES = 6, 1 << 20
DISCARDED_BYTES = 1 << 20  # of a line that is too long, read at once
_MAX_DIGITS = 4000


class Line(NamedTuple):
    """A line by its number from 1; its bytes, or why they are not there."""

    number: int
    content: bytes | Rejection


def read_jsonl(file: IO[bytes], options: ReadOptions, skip_rows: int) -> Iterator[tuple[int, Document | Rejection]]:
    """Yield each row's line number and what became of it, passing over the first `skip_rows` rows without parsing."""
    limit = options.max_document_bytes * BYTES_PER_TEXT_BYTE + OTHER_FIELDS_BYTES
    for number, content in islice(_lines(file, limit), skip_rows, None):
        yield number, content if isinstance(content, Rejection) else parse_line(content, options)


def parse_line(line: bytes, options: ReadOptions) -> Document | Rejection:
    """Make a document of one line of JSON."""
    try:
        row = _loads(line.decode())
    except UnicodeDecodeError as error:
        return Rejection(RejectReason.UNDECODABLE, f"not UTF-8: {error.reason} at byte {error.start} of the line")
    except RecursionError:
        return Rejection(RejectReason.BROKEN_JSON, "nested too deeply")
    except ValueError as error:
        return Rejection(RejectReason.BROKEN_JSON, str(error))
    if not isinstance(row, dict):
        return Rejection(RejectReason.NOT_AN_OBJECT, f"the line is {kind_of(row)}")
    return document_from(row, options)


def _loads(line: str) -> Any:
    try:
        return json.loads(line, parse_constant=_null)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python refuses to read integers of thousands of digits, which JSON allows
        return json.loads(line, parse_constant=_null, parse_int=_integer)


def _null(_constant: str) -> None:
    """Read NaN and Infinity, which Python writes and JSON does not know, as null."""


def _integer(digits: str) -> int | str:
    return digits if len(digits) > _MAX_DIGITS else int(digits)


def _lines(file: IO[bytes], limit_bytes: int) -> Iterator[Line]:
    """Yield every line that is not blank; one that is too long is never held whole.

    A file that cannot be read to its end gives one rejection more, for its rest.
    """
    number = 0
    try:
        stream = decompressed(file)
        while line := stream.readline(limit_bytes + 1):
            number += 1
            if number == 1:
                line = line.removeprefix(BOM)
            if len(line) > limit_bytes and not line.endswith(b"\n"):
                _discard_line(stream)
                yield Line(number, Rejection(RejectReason.TOO_LARGE, f"a line of more than {limit_bytes} bytes"))
            elif not line.isspace() and line:
                yield Line(number, line)
    except CORRUPT as error:
        yield Line(number + 1, Rejection(RejectReason.UNREADABLE_FILE, f"the rest of the file: {error}"))


def _discard_line(stream: IO[bytes]) -> None:
    while (part := stream.readline(DISCARDED_BYTES)) and not part.endswith(b"\n"):
        pass
