"""Reading files of strangers' making in a process of its own, which may be killed for what it meets there.

A Parquet file of 300 bytes can ask for gigabytes, a few bytes of Zstandard for hours. The child may take so much
memory and processor time and unpack so much, and what it says is JSON, which is data whoever says it.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any

from reflectgen.corpus.rows import ReadOptions, RejectReason
from reflectgen.corpus.sources import COMPRESSED, Source, SourceFormat
from reflectgen.errors import InputError
from reflectgen.records import Document, RejectedRow

_SILENCE_SECONDS = 120.0  # no row for so long while we wait for one: the child hangs


@dataclass(frozen=True, slots=True)
class Guard:
    """What a child may use. Text of people and machines packs to a fifth or a twentieth, not to a thousandth."""

    memory_bytes: int = 2 << 30  # beyond what it has once its libraries are loaded
    cpu_seconds: int = 60
    cpu_seconds_per_mb: float = 2.0  # of the file, added to the above
    min_unpacked_bytes: int = 256 << 20
    expansion: int = 200  # unpacked bytes for one of the file, where that is more than the above
    max_rows: int = 1_000_000_000

    def cpu(self, source: Source) -> int:
        return self.cpu_seconds + int(source.size_bytes / 1e6 * self.cpu_seconds_per_mb)

    def unpacked(self, source: Source) -> int:
        return max(self.min_unpacked_bytes, source.size_bytes * self.expansion)


GUARD = Guard()


def wants_guard(source: Source) -> bool:
    """Whether reading a source means running a decoder that it could be made to deceive."""
    packed = source.path.lower().endswith(COMPRESSED) or source.name.lower().endswith(COMPRESSED)
    return packed or source.format in (SourceFormat.PARQUET, SourceFormat.ARROW)


def read_rows_guarded(
    source: Source, options: ReadOptions, skip_rows: int = 0, guard: Guard = GUARD
) -> Iterator[Document | RejectedRow]:
    """Yield what `corpus.read.read_rows` does, read by a child within `guard`'s limits.

    A child that dies over the file ends the reading with one rejected row, as a corrupt rest does.

    Raises:
        InputError: the file is gone, or its store fails or refuses.
    """
    with _child("rows", source, options, skip_rows, guard) as lines:
        for said in lines:
            yield _row(said, source)


def check_file(source: Source, guard: Guard = GUARD) -> int:
    """Read a packed file to its end, keeping nothing; return how many rows it has.

    Raises:
        InputError: it is corrupt, or takes more than it may.
    """
    num_rows = 0
    with _child("check", source, ReadOptions(), 0, guard) as lines:
        for said in lines:
            if "reason" in said:
                raise InputError(f"the file cannot be used: {said['detail']}")
            num_rows = said["num_rows"]
    return num_rows


class _child:  # noqa: N801  used as a function
    """A running child, whose lines come out one by one; it is ended however the block is left."""

    def __init__(self, what: str, source: Source, options: ReadOptions, skip_rows: int, guard: Guard) -> None:
        self._source = source
        task = {
            "what": what,
            "source": asdict(source),
            "options": options.model_dump(),
            "skip_rows": skip_rows,
            "memory_bytes": guard.memory_bytes,
            "cpu_seconds": guard.cpu(source),
            "unpacked_bytes": guard.unpacked(source),
            "max_rows": guard.max_rows,
        }
        # Threads and arenas of the allocator take address space, which is what is limited.
        quiet = {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
        kept = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "HOME", "TMPDIR")  # and no secret
        environment = {name: os.environ[name] for name in kept if name in os.environ} | quiet
        self._process = subprocess.Popen(  # noqa: S603  our own module, and JSON
            [sys.executable, "-m", "reflectgen.corpus.guarded_child", json.dumps(task)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def __enter__(self) -> Iterator[dict[str, Any]]:
        return self._lines()

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _lines(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout is not None
        for line in _timed(self._process.stdout):
            if line is None:
                yield self._died(f"reading it brought nothing for {_SILENCE_SECONDS:g} s")
                return
            said = json.loads(line)
            if said.get("end"):
                return
            if "error" in said:
                raise InputError(f"cannot read {self._source.path}: {said['error']}; make it readable and run again")
            yield said
        code = self._process.wait()
        why = "more processor time" if code in (-24, -9) else "more memory"
        yield self._died(f"reading it takes {why} than a file of its size may")

    def _died(self, detail: str) -> dict[str, Any]:
        return {"line": 0, "reason": RejectReason.UNREADABLE_FILE.value, "detail": f"the rest of the file: {detail}"}


def _timed(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Yield whole lines of a pipe; None, and no more, where none comes for too long."""
    os.set_blocking(stream.fileno(), False)
    held = bytearray()  # grows in place: a long line comes in thousands of pieces
    while True:
        if not select.select([stream], [], [], _SILENCE_SECONDS)[0]:
            yield None
            return
        piece = os.read(stream.fileno(), 1 << 20)
        if not piece:
            return
        if b"\n" not in piece:
            held += piece
            continue
        first, *lines = piece.split(b"\n")
        yield bytes(held + first)
        held = bytearray(lines.pop())
        yield from lines


def _row(said: dict[str, Any], source: Source) -> Document | RejectedRow:
    if "reason" in said:
        return RejectedRow(source.path, said["line"], said["reason"], said["detail"])
    return Document(said["id"], said["text"], said["metadata"], said["line"])
