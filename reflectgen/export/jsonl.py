"""Documents as lines of JSON, plain or compressed with zstd; neither holds a time."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

import zstandard

from reflectgen.errors import VerificationError
from reflectgen.export.record import StandoffDocument, WovenDocument
from reflectgen.export.rows import Row, to_line


class JsonDocuments:
    """Writes documents to a file of JSON lines, which is complete once the context ends."""

    def __init__(self, path: Path, *, compress: bool) -> None:
        with ExitStack() as stack:
            file = stack.enter_context(path.open("wb"))
            self._write: Callable[[bytes], int] = file.write
            if compress:
                self._write = stack.enter_context(zstandard.ZstdCompressor().stream_writer(file)).write
            self._open = stack.pop_all()

    def add(self, document: WovenDocument | StandoffDocument) -> None:
        self._write(to_line(document))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def read_jsonl(path: Path, *, compressed: bool) -> Iterator[Row]:
    """Yield the rows of a file, one at a time in memory.

    Raises:
        VerificationError: the file is not what it should be, at the line that is named.
    """
    line_number = 0
    try:
        with ExitStack() as stack:
            file = stack.enter_context(path.open("rb"))
            for line in _decompressed(file) if compressed else file:
                line_number += 1
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise VerificationError(f"line {line_number}: not a JSON object")
                yield row
    except (ValueError, RecursionError, zstandard.ZstdError) as error:
        raise VerificationError(f"after line {line_number - 1}: {error}") from None


def _decompressed(file: BinaryIO) -> Iterator[bytes]:
    stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    return io.BufferedReader(cast("io.RawIOBase", stream))
