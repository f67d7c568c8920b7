from __future__ import annotations

import io
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.corpus.rows import ReadOptions, Rejection, RejectReason
from reflectgen.corpus.tables import BATCH_ROWS, read_arrow, read_parquet
from reflectgen.records import Document

OPTIONS = ReadOptions()


def parquet(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def arrow(table: pa.Table, batch_rows: int = 100) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table, max_chunksize=batch_rows)
    return out.getvalue()


def read(content: bytes, skip_rows: int = 0) -> list[tuple[int, Document | Rejection]]:
    reader = read_parquet if content.startswith(b"PAR1") else read_arrow
    return list(reader(io.BytesIO(content), OPTIONS, skip_rows))


def numbered(num_rows: int) -> pa.Table:
    return pa.table({"id": list(range(num_rows)), "text": [f"text {n}" for n in range(num_rows)]})


@pytest.mark.parametrize("write", [parquet, arrow])
def test_every_row_is_a_document_with_its_number(write: Any) -> None:
    rows = read(write(numbered(3 * BATCH_ROWS + 1)))
    assert rows == [(n + 1, Document(str(n), f"text {n}")) for n in range(3 * BATCH_ROWS + 1)]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())], ids=str)
def test_any_kind_of_string_column_is_text(kind: pa.DataType) -> None:
    table = pa.table({"text": pa.array(["a", None, "a"], pa.string()).cast(kind)})
    assert [getattr(row, "text", None) for _, row in read(parquet(table))] == ["a", None, "a"]


def test_columns_of_every_type_become_metadata() -> None:
    table = pa.table(
        {
            "text": ["t"],
            "day": [date(2024, 5, 1)],
            "time": pa.array([datetime(2024, 5, 1, 12)], pa.timestamp("ms")),
            "price": [Decimal("1.10")],
            "raw": [b"\xff"],
            "nested": [{"list": [{"a": 1}, {"a": None}], "nan": float("nan")}],
            "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())),
        }
    )
    ((_, row),) = read(parquet(table))
    assert isinstance(row, Document)
    assert json.loads(row.metadata) == {
        "day": "2024-05-01",
        "time": "2024-05-01T12:00:00",
        "price": "1.10",
        "raw": "/w==",
        "nested": {"list": [{"a": 1}, {"a": None}], "nan": None},
        "map": [["k", 1]],
    }


def test_a_value_that_python_cannot_hold_is_written_as_arrow_writes_it() -> None:
    table = pa.table({"text": ["a", "b"], "time": pa.array([1 << 60, 0], pa.timestamp("s"))})
    rows = [row for _, row in read(arrow(table))]
    assert [row.text for row in rows if isinstance(row, Document)] == ["a", "b"]


@pytest.mark.parametrize("write", [parquet, arrow])
def test_a_column_of_text_is_looked_for_in_every_row(write: Any) -> None:
    missing = pa.table({"body": ["a", "b"]})
    detail = "no field 'text'; it has body"
    assert read(write(missing)) == [(n, Rejection(RejectReason.NO_TEXT, detail)) for n in (1, 2)]
    wrong = pa.table({"text": [1, None]})
    assert [row.reason for _, row in read(write(wrong)) if isinstance(row, Rejection)] == ["wrong_type", "no_text"]


def test_text_that_is_not_utf8_rejects_its_row_only() -> None:
    bytes_as_string = pa.array([b"good", b"\xff\xfe", b"good"]).view(pa.string())
    for table in (pa.table({"text": bytes_as_string}), pa.table({"text": ["a", "b", "c"], "other": bytes_as_string})):
        rows = [row for _, row in read(arrow(table))]
        assert len(rows) == 3
        assert isinstance(rows[0], Document)
        assert isinstance(rows[2], Document)
        assert isinstance(rows[1], Document) or rows[1].reason is RejectReason.UNDECODABLE


@pytest.mark.parametrize(
    "content", [b"PAR1", b"PAR1" + b"\0" * 100, parquet(numbered(5))[:-9], arrow(numbered(5))[:99], b"xx"]
)
def test_a_file_that_cannot_be_opened_is_one_rejected_row(content: bytes) -> None:
    ((line, row),) = read(content)
    assert (line, row.reason) == (1, RejectReason.UNREADABLE_FILE)  # type: ignore[union-attr]


def corrupt_parquet() -> bytes:
    """Three row groups of 100, the second one's text overwritten."""
    content = bytearray(parquet(numbered(300), row_group_size=100, compression="zstd", use_dictionary=False))
    column = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(1).column(1)
    content[column.data_page_offset : column.data_page_offset + column.total_compressed_size] = (
        b"\xee" * column.total_compressed_size
    )
    return bytes(content)


def test_rows_before_a_corrupt_part_are_kept() -> None:
    rows = read(corrupt_parquet())
    assert [type(row) for _, row in rows] == [Document] * 100 + [Rejection]
    assert (rows[-1][0], rows[-1][1].reason) == (101, RejectReason.UNREADABLE_FILE)  # type: ignore[union-attr]
    rows = read(arrow(numbered(300))[:-1500])
    assert [type(row) for _, row in rows] == [Document] * 200 + [Rejection]


FILES = {
    "parquet": parquet(numbered(300), row_group_size=100),
    "one row a group": parquet(numbered(20), row_group_size=1),
    "arrow": arrow(numbered(300)),
    "corrupt parquet": corrupt_parquet(),
    "arrow cut off": arrow(numbered(300))[:-1500],
    "empty": parquet(numbered(0)),
}


@given(st.sampled_from(sorted(FILES)), st.integers(0, 310))
def test_reading_from_a_row_on_is_the_rest_of_reading_all(file: str, skip_rows: int) -> None:
    all_rows = read(FILES[file])
    skip_rows = min(skip_rows, len(all_rows))
    assert read(FILES[file], skip_rows) == all_rows[skip_rows:]


@pytest.mark.parametrize("skip_rows", [99, 100, 101, 102])
def test_a_corrupt_part_is_met_again_or_passed_over_as_it_was_counted(skip_rows: int) -> None:
    content = FILES["corrupt parquet"]
    assert read(content, skip_rows) == read(content)[skip_rows:]
