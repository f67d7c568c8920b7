"""Reading gzip and Zstandard as a stream: every member or frame, and all that comes before an error."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from typing import IO, Any

import zstandard

CORRUPT = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)  # what reading such a stream may raise
# Four bytes of Zstandard may stand for a block of 128 KiB, so what is fed at once bounds what comes out at once.
ZSTD_FEED_BYTES = 256
ZSTD_MAX_WINDOW_BYTES = 1 << 31  # as `zstd --long=31` writes
_READ_AHEAD_BYTES = 1 << 18


def decompressed(file: IO[bytes]) -> IO[bytes]:
    """Return what a file says, decompressed where it begins like gzip or Zstandard."""
    peekable = io.BufferedReader(_Raw(file.read), _READ_AHEAD_BYTES)
    head = peekable.peek(4)[:4]
    if head.startswith(b"\x1f\x8b"):
        # `read1` hands over what it has before it meets an error, `read` would lose it.
        return io.BufferedReader(_Raw(gzip.GzipFile(fileobj=peekable).read1), _READ_AHEAD_BYTES)
    if head == zstandard.FRAME_HEADER or (head[1:] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50):
        return io.BufferedReader(_Zstd(peekable), _READ_AHEAD_BYTES)
    return peekable


class _Raw(io.RawIOBase):
    """Anything that returns at most so many bytes, and none at the end, as what `io.BufferedReader` can wrap."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


class _Zstd(io.RawIOBase):
    """Zstandard frames one after another; unlike the library's own reader it notices a frame that is cut off."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW_BYTES)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._fed = b""
        self._decoded = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._decoded:
            if not (fed := self._fed or self._file.read(ZSTD_FEED_BYTES)):
                if self._frame is not None:
                    raise EOFError("it ends inside a Zstandard frame")
                return 0
            self._frame = self._frame or self._decompressor.decompressobj()
            self._decoded = memoryview(self._frame.decompress(fed))
            self._fed = b""
            if self._frame.eof:
                self._fed, self._frame = self._frame.unused_data, None
        size = min(len(buffer), len(self._decoded))
        buffer[:size], self._decoded = self._decoded[:size], self._decoded[size:]
        return size
