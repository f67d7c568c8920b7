"""Reading in a child under limits: the same rows as reading here, and an end for whatever takes too much."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from reflectgen.corpus.guarded import Guard, check_file, read_rows_guarded, wants_guard
from reflectgen.corpus.read import ReadOptions, find_sources, read_rows
from reflectgen.errors import InputError
from reflectgen.records import RejectedRow

TEXTS = ["One.", "Ünïcode \u2028 and \x85", "", "x" * 5000, "y" * 300_000]  # the last is longer than a pipe holds


def _write(folder: Path, kind: str) -> Path:
    lines = "".join(json.dumps({"text": text, "n": n}) + "\n" for n, text in enumerate(TEXTS)) + "broken\n"
    path = folder / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({"text": [*TEXTS, None]}), path, row_group_size=2)
    else:
        path.write_bytes({"jsonl.gz": gzip.compress, "jsonl.zst": zstandard.compress}[kind](lines.encode()))
    return path


@pytest.mark.parametrize("kind", ["parquet", "jsonl.gz", "jsonl.zst"])
@pytest.mark.parametrize("skip", [0, 3, 5])
def test_a_child_reads_what_we_would(tmp_path: Path, kind: str, skip: int) -> None:
    (source,) = find_sources([str(_write(tmp_path, kind))]).sources
    assert wants_guard(source)
    rows = list(read_rows_guarded(source, ReadOptions(), skip))
    assert rows == list(read_rows(source, ReadOptions(), skip))
    assert [row.line for row in rows] == [row.line for row in read_rows(source, ReadOptions(), skip)]
    assert check_file(source) == 6


def test_plain_files_need_no_child(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    (source,) = find_sources([str(tmp_path / "a.jsonl")]).sources
    assert not wants_guard(source)


def test_a_file_that_is_gone_is_an_error_not_a_row(tmp_path: Path) -> None:
    path = _write(tmp_path, "jsonl.gz")
    (source,) = find_sources([str(path)]).sources
    path.unlink()
    with pytest.raises(InputError):
        list(read_rows_guarded(source, ReadOptions()))


def test_a_child_knows_no_secret_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFLECTGEN_TEACHER_API_KEY", "canary-5fe1")
    rows = iter(read_rows_guarded(find_sources([str(_write(tmp_path, "jsonl.gz"))]).sources[0], ReadOptions()))
    next(rows)
    ours = Path(f"/proc/{os.getpid()}")
    if not (ours / "task").is_dir():
        pytest.skip("needs /proc")
    children = " ".join(path.read_text() for path in ours.glob("task/*/children")).split()
    environments = [Path(f"/proc/{child}/environ").read_bytes() for child in children]
    list(rows)
    assert any(b"MALLOC_ARENA_MAX" in one for one in environments)
    assert not any(b"canary-5fe1" in one for one in environments)


def test_memory_has_a_limit(tmp_path: Path) -> None:
    texts = [f"{n}{'a' * 4_000_000}" for n in range(60)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet", row_group_size=60)
    (source,) = find_sources([str(tmp_path / "a.parquet")]).sources
    small, big = (Guard(memory_bytes=size, min_unpacked_bytes=1 << 40) for size in (64 << 20, 2 << 30))
    (only,) = read_rows_guarded(source, ReadOptions(), guard=small)
    assert isinstance(only, RejectedRow)
    assert only.reason == "unreadable_file"
    with pytest.raises(InputError):
        check_file(source, small)
    assert [row.line for row in read_rows_guarded(source, ReadOptions(), guard=big)] == list(range(1, 61))
    assert check_file(source, big) == 60


def test_processor_time_has_a_limit(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"\n" * 60_000_000, 1))
    (source,) = find_sources([str(tmp_path / "a.jsonl.gz")]).sources
    (last,) = read_rows_guarded(source, ReadOptions(), guard=Guard(cpu_seconds=2, cpu_seconds_per_mb=0))
    assert isinstance(last, RejectedRow)
    assert "processor time" in last.detail


@pytest.mark.parametrize("kind", ["parquet", "jsonl.zst"])
def test_what_is_unpacked_has_a_limit(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({"text": ["a" * 1000] * 1000}), path, row_group_size=100)
    else:
        path.write_bytes(zstandard.compress((json.dumps({"text": "a" * 1000}) + "\n").encode() * 1000))
    (source,) = find_sources([str(path)]).sources
    guard = Guard(min_unpacked_bytes=100_000, expansion=1)
    rows = list(read_rows_guarded(source, ReadOptions(), guard=guard))
    assert len(rows) < 150
    assert isinstance(rows[-1], RejectedRow)
    assert "unpacks to more than" in rows[-1].detail
    with pytest.raises(InputError, match="unpacks to more than"):
        check_file(source, guard)
    with pytest.raises(InputError, match="more than 10 rows"):
        check_file(source, Guard(max_rows=10))
