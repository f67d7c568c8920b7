"""An upload goes to disk as it comes, raw or as the file of a form, and never into memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from reflectgen.api.problems import Problem

_PIECE_BYTES = 1 << 20  # written at once: each write is a visit to another thread
_HEADER_BYTES = 4096


@dataclass(slots=True)
class Received:
    """What was written; `name` is the form's word for it, and no more than a hint at its format."""

    num_bytes: int
    sha256: str
    name: str = ""


async def receive_raw(pieces: AsyncIterator[bytes], path: Path, max_bytes: int) -> Received:
    """Write a body to `path`.

    Raises:
        Problem: it is longer than `max_bytes`.
    """
    writer = _Writer(path, max_bytes)
    try:
        async for piece in pieces:
            await writer.take(piece)
        return await writer.end()
    finally:
        writer.close()


async def receive_form(pieces: AsyncIterator[bytes], content_type: str, path: Path, max_bytes: int) -> Received:
    """Write the one file of a form to `path`.

    Raises:
        Problem: it is longer than `max_bytes`, or there is not exactly one file.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary or len(boundary) > 200:
        raise Problem(400, "the form names no boundary")
    part = _Part()
    parser = MultipartParser(boundary, part.callbacks())
    writer = _Writer(path, max_bytes)
    try:
        async for piece in pieces:
            _feed(parser, piece)
            for content in part.taken():
                await writer.take(content)
        if part.num_files != 1 or not part.is_whole:
            raise Problem(422, "a form holds exactly one file", "invalid-request")
        received = await writer.end()
        received.name = part.name
        return received
    finally:
        writer.close()


def _feed(parser: Any, piece: bytes) -> None:
    try:
        parser.write(piece)
    except ValueError as error:  # the parser's own errors are among them
        raise Problem(400, "this is not a form as multipart/form-data has it") from error


class _Writer:
    def __init__(self, path: Path, max_bytes: int) -> None:
        self._file = path.open("wb")
        self._hash = hashlib.sha256()
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._waiting = bytearray()

    async def take(self, piece: bytes) -> None:
        self._num_bytes += len(piece)
        if self._num_bytes > self._max_bytes:
            raise Problem(413, f"an upload may have {self._max_bytes} bytes")
        self._waiting += piece
        if len(self._waiting) >= _PIECE_BYTES:
            await self._flush()

    async def end(self) -> Received:
        await self._flush()
        return Received(self._num_bytes, self._hash.hexdigest())

    async def _flush(self) -> None:
        content, self._waiting = bytes(self._waiting), bytearray()
        await run_in_threadpool(self._write, content)

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self._hash.update(content)

    def close(self) -> None:
        self._file.close()


@dataclass(slots=True)
class _Part:
    """Listens to the parser: the content of parts with a file name is taken, other fields are passed over."""

    name: str = ""
    num_files: int = 0
    is_whole: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _is_file: bool = False
    _content: list[bytes] = field(default_factory=list)

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._grow(self._header, data[start:end]),
            "on_header_value": lambda data, start, end: self._grow(self._value, data[start:end]),
            "on_header_end": self._header_ended,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def taken(self) -> list[bytes]:
        content, self._content = self._content, []
        return content

    def _begin(self) -> None:
        self._is_file = False

    def _grow(self, kept: bytearray, more: bytes) -> None:
        kept += more
        if len(kept) > _HEADER_BYTES:
            raise ValueError("a header of a part is too long")

    def _header_ended(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            given = parse_options_header(bytes(self._value))[1]
            if b"filename" in given:
                self._is_file = True
                self.num_files += 1
                self.name = given[b"filename"].decode("utf-8", "replace")
        self._header.clear()
        self._value.clear()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file and self.num_files == 1:
            self._content.append(data[start:end])

    def _end(self) -> None:
        self.is_whole = True
