"""The child of `corpus.guarded`: limits itself, then reads one file and says its rows as lines of JSON."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from reflectgen.corpus.decompress import CORRUPT, decompressed
from reflectgen.corpus.read import read_rows
from reflectgen.corpus.rows import ReadOptions, RejectReason
from reflectgen.corpus.sources import Source, SourceFormat, one_line, open_filesystem
from reflectgen.errors import InputError
from reflectgen.records import Document

_PIECE_BYTES = 1 << 18
_MAX_LINE_BYTES = 256 << 20


def main(task: dict[str, Any]) -> None:
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    _limit(task["memory_bytes"], task["cpu_seconds"])
    given = task["source"]
    source = Source(**given | {"format": SourceFormat(given["format"])})
    try:
        if (reason := _why_not(source, task["unpacked_bytes"], task["max_rows"])) is not None:
            _say(line=0, reason=RejectReason.UNREADABLE_FILE.value, detail=f"the rest of the file: {reason}")
        elif task["what"] == "check":
            _check(source, task)
        else:
            _rows(source, task)
    except InputError as error:
        _say(error=str(error))
    except MemoryError:
        _say(line=0, reason=RejectReason.UNREADABLE_FILE.value, detail="the rest of the file: it takes too much memory")
    _say(end=True)


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has nothing to write but its pipe


def _why_not(source: Source, unpacked_bytes: int, max_rows: int) -> str | None:
    """Return what a Parquet file says of itself that no honest one of its size does."""
    if source.format is not SourceFormat.PARQUET:
        return None
    try:
        with _open(source) as file, pq.ParquetFile(file) as parquet:
            groups = [parquet.metadata.row_group(number) for number in range(parquet.num_row_groups)]
            if sum(group.total_byte_size for group in groups) > unpacked_bytes:
                return f"it says that it unpacks to more than {unpacked_bytes} bytes"
            return f"it says that it has more than {max_rows} rows" if parquet.metadata.num_rows > max_rows else None
    except pa.ArrowException:
        return None  # whoever reads the rows says it


def _rows(source: Source, task: dict[str, Any]) -> None:
    num_bytes = 0
    for number, row in enumerate(read_rows(source, ReadOptions(**task["options"]), task["skip_rows"])):
        if isinstance(row, Document):
            num_bytes += len(row.text) + len(row.metadata)
            _say(id=row.id, text=row.text, metadata=row.metadata, line=row.line)
        else:
            _say(line=row.line, reason=row.reason, detail=row.detail)
        if num_bytes > task["unpacked_bytes"] or number >= task["max_rows"]:
            limit = f"it unpacks to more than {task['unpacked_bytes']} bytes"
            return _say(line=0, reason=RejectReason.UNREADABLE_FILE.value, detail=f"the rest of the file: {limit}")
    return None


def _check(source: Source, task: dict[str, Any]) -> None:
    num_rows = num_bytes = 0
    try:
        with _open(source) as file:
            for rows, size in _parquet(file) if source.format is SourceFormat.PARQUET else _packed(source, file):
                num_rows, num_bytes = num_rows + rows, num_bytes + size
                if num_bytes > task["unpacked_bytes"]:
                    return _bad(f"it unpacks to more than {task['unpacked_bytes']} bytes")
                if num_rows > task["max_rows"]:
                    return _bad(f"it has more than {task['max_rows']} rows")
                _say(num_rows=num_rows)  # also a sign of life
    except (pa.ArrowException, *CORRUPT, OSError, ValueError) as error:
        return _bad(one_line(error))
    return _say(num_rows=num_rows)


def _parquet(file: IO[bytes]) -> Iterator[tuple[int, int]]:
    with pq.ParquetFile(file, buffer_size=1 << 20) as parquet:
        for batch in parquet.iter_batches(256, use_threads=False):
            yield batch.num_rows, batch.nbytes


def _packed(source: Source, file: IO[bytes]) -> Iterator[tuple[int, int]]:
    if source.format is SourceFormat.ARROW:
        with pa.ipc.open_stream(file) as stream:
            for batch in stream:
                yield batch.num_rows, batch.nbytes
        return
    stream, line_bytes = decompressed(file), 0
    while piece := stream.read(_PIECE_BYTES):
        num_lines = piece.count(b"\n")
        line_bytes = len(piece) - piece.rfind(b"\n") if num_lines else line_bytes + len(piece)
        if line_bytes > _MAX_LINE_BYTES:
            raise ValueError(f"a line has more than {_MAX_LINE_BYTES} bytes")
        yield num_lines, len(piece)


def _open(source: Source) -> IO[bytes]:
    filesystem, path = open_filesystem(source.path)
    file: IO[bytes] = filesystem.open(path, "rb")
    return file


def _bad(detail: str) -> None:
    _say(line=0, reason=RejectReason.UNREADABLE_FILE.value, detail=detail)


def _say(**said: Any) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    if "text" not in said:
        sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
