from __future__ import annotations

import gzip
import io
import json
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.corpus.jsonl import read_jsonl
from reflectgen.corpus.rows import ReadOptions, Rejection, RejectReason
from reflectgen.records import Document

OPTIONS = ReadOptions()
R = RejectReason


def read(content: bytes, skip_rows: int = 0, options: ReadOptions = OPTIONS) -> list[tuple[int, Document | Rejection]]:
    return list(read_jsonl(io.BytesIO(content), options, skip_rows))


def texts(content: bytes) -> list[str]:
    return [row.text for _, row in read(content) if isinstance(row, Document)]


def reasons(content: bytes, options: ReadOptions = OPTIONS) -> list[tuple[int, RejectReason]]:
    return [(line, row.reason) for line, row in read(content, 0, options) if isinstance(row, Rejection)]


def line(text: str) -> bytes:
    return json.dumps({"text": text}).encode() + b"\n"


LINES = b"".join(line(f"row {n}") for n in range(20_000))
zstd = zstandard.ZstdCompressor().compress


@pytest.mark.parametrize(
    "content",
    [
        b'{"text": "a"}\n{"text": "b"}\n',
        b'{"text": "a"}\r\n{"text": "b"}',
        b'\xef\xbb\xbf{"text": "a"}\n\n  \n{"text": "b"}',
    ],
    ids=["plain", "CR LF, no last line break", "byte order mark, blank lines"],
)
def test_every_line_that_is_not_blank_is_a_row(content: bytes) -> None:
    assert texts(content) == ["a", "b"]


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0), zstd(b"")])
def test_an_empty_file_has_no_rows(content: bytes) -> None:
    assert read(content) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"text": "a"', R.BROKEN_JSON),
        (b'{"text": "a\0b"}', R.BROKEN_JSON),
        (b"\0\0\0", R.BROKEN_JSON),
        (b"[" * 200_000, R.BROKEN_JSON),
        (b'{"text": "t", "deep": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}", None),
        (b'["a"]', R.NOT_AN_OBJECT),
        (b"null", R.NOT_AN_OBJECT),
        (b'"text"', R.NOT_AN_OBJECT),
        (b"{}", R.NO_TEXT),
        (b'{"text": "caf\xe9"}', R.UNDECODABLE),
        (b'{"text": "\\ud800"}', R.UNDECODABLE),
        ('{"text": "a"}'.encode("utf-16"), R.UNDECODABLE),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_line_is_rejected_and_the_next_is_read(content: bytes, reason: RejectReason | None) -> None:
    rows = read(line("before") + content.replace(b"\n", b"") + b"\n" + line("after"))
    assert [row.text for _, row in rows[::2] if isinstance(row, Document)] == ["before", "after"]
    bad = rows[1][1]
    # How deep nesting may go is Python's to say; it must only not end the run.
    assert bad.reason is reason if isinstance(bad, Rejection) and reason else reason is None
    assert [number for number, _ in rows] == [1, 2, 3]


def test_json_that_python_reads_in_its_own_way_is_read() -> None:
    digits = "7" * 5_000
    rows = read(f'{{"text": "a", "text": "b", "n": {digits}, "x": NaN, "y": 1e999, "ok": 12}}'.encode())
    assert rows == [(1, Document(rows[0][1].id, "b", f'{{"n":"{digits}","x":null,"y":null,"ok":12}}'))]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(LINES, mtime=0),
        gzip.compress(LINES[:999], mtime=0) + gzip.compress(LINES[999:], mtime=0),
        zstd(LINES),
        zstd(LINES[:999]) + zstd(b"") + zstd(LINES[999:]),
        b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstd(LINES),
        zstandard.ZstdCompressor(write_content_size=False, write_checksum=True).compress(LINES),
    ],
    ids=["gzip", "two members", "zstd", "three frames", "skippable frame", "zstd without its size"],
)
def test_compressed_lines_are_read_to_the_end(content: bytes) -> None:
    assert texts(content) == texts(LINES)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(LINES, mtime=0)[:-400],
        zstd(LINES)[:-400],
        zstd(LINES) + zstd(LINES)[:300],
        zstd(LINES) + b"garbage",
        gzip.compress(LINES, mtime=0) + b"garbage",
    ],
    ids=["gzip cut off", "zstd cut off", "second frame cut off", "zstd and garbage", "gzip and garbage"],
)
def test_a_corrupt_rest_is_one_rejected_row(content: bytes) -> None:
    rows = read(content)
    assert len(rows) > 5_000
    assert [type(row) for _, row in rows] == [Document] * (len(rows) - 1) + [Rejection]
    assert reasons(content) == [(len(rows), R.UNREADABLE_FILE)]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_a_line_over_the_limit_is_never_held(compress: type[bytes]) -> None:
    options = ReadOptions(max_document_bytes=1000)
    content = compress(b'{"text": "' + b"a" * 60_000_000 + b'"}\n' + line("after"))
    tracemalloc.start()
    rows = read(content, 0, options)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [getattr(row, "reason", row) for _, row in rows] == [R.TOO_LARGE, rows[1][1]]
    assert peak_bytes < 20_000_000


def test_a_long_text_under_the_limit_is_read_however_it_is_escaped() -> None:
    text = "\0" * 10_000
    assert len(line(text)) > 60_000
    assert reasons(line(text), ReadOptions(max_document_bytes=10_000)) == []


ROWS = st.lists(
    st.sampled_from(
        [
            line("good"),
            line("ü" * 9),
            b"\n",
            b"   \r\n",
            b"{broken\n",
            b"[1]\n",
            b"{}\n",
            b'{"text":"\xff"}\n',
            line("x" * 2_000_000),
        ]
    ),
    max_size=12,
)


@given(ROWS, st.integers(0, 14), st.sampled_from([bytes, gzip.compress, zstd]), st.booleans())
def test_reading_from_a_row_on_is_the_rest_of_reading_all(
    rows: list[bytes], skip_rows: int, compress: type[bytes], cut_off: bool
) -> None:
    content = compress(b"".join(rows))
    content = content[: len(content) // 2] if cut_off else content
    options = ReadOptions(max_document_bytes=50_000)
    assert read(content, skip_rows, options) == read(content, 0, options)[skip_rows:]
