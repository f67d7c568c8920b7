from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from reflectgen.corpus.rows import ReadOptions, Rejection, RejectReason, document_from, metadata_json
from reflectgen.records import Document

OPTIONS = ReadOptions(max_document_bytes=100)


def document(**row: Any) -> Document:
    made = document_from(row, OPTIONS)
    assert isinstance(made, Document)
    return made


def rejection(**row: Any) -> Rejection:
    made = document_from(row, OPTIONS)
    assert isinstance(made, Rejection)
    assert len(made.detail) <= 200
    return made


def test_other_fields_travel_along_as_metadata() -> None:
    made = document(id="a", text="t", source="web", tags=["x", None], stars=4.5)
    assert made == Document("a", "t", '{"source":"web","tags":["x",null],"stars":4.5}')


def test_other_names_for_the_fields_are_obeyed() -> None:
    made = document_from({"url": "u", "content": "c", "text": "t"}, ReadOptions(text_field="content", id_field="url"))
    assert made == Document("u", "c", '{"text":"t"}')


@pytest.mark.parametrize(
    ("given", "expected"), [("x", "x"), (7, "7"), (-1, "-1"), (1.5, "1.5"), (date(2024, 5, 1), "2024-05-01")]
)
def test_an_id_becomes_a_string(given: object, expected: str) -> None:
    assert document(id=given, text="t").id == expected


@pytest.mark.parametrize("row", [{}, {"id": None}, {"id": ""}])
def test_without_an_id_the_text_is_hashed(row: dict[str, Any]) -> None:
    assert document(text="Grüße", **row).id == "sha256:" + hashlib.sha256("Grüße".encode()).hexdigest()[:32]


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_a_blank_text_is_a_document(text: str) -> None:
    assert document(id="a", text=text).text == text


def test_a_row_without_the_text_field_says_which_fields_it_has() -> None:
    assert rejection(body="b", title="t") == Rejection(RejectReason.NO_TEXT, "no field 'text'; it has body, title")
    assert rejection(**{f"field_{n}": n for n in range(9)}).detail.endswith("field_4, ...")


def test_a_null_text_is_no_text() -> None:
    assert rejection(text=None) == Rejection(RejectReason.NO_TEXT, "field 'text' is null")


@pytest.mark.parametrize("row", [{"text": 5}, {"text": ["a"]}, {"text": {}}, {"text": True}, {"text": b"bytes"}])
def test_a_text_that_is_no_string_is_of_the_wrong_type(row: dict[str, Any]) -> None:
    assert rejection(**row).reason is RejectReason.WRONG_TYPE


@pytest.mark.parametrize("given", [["a"], {"a": 1}])
def test_an_id_that_is_a_list_or_an_object_is_of_the_wrong_type(given: object) -> None:
    assert rejection(id=given, text="t").reason is RejectReason.WRONG_TYPE


@pytest.mark.parametrize("row", [{"text": "a\ud800"}, {"text": "t", "id": "\udfff"}])
def test_lone_surrogates_are_undecodable(row: dict[str, Any]) -> None:
    assert rejection(**row).reason is RejectReason.UNDECODABLE


def test_the_limit_counts_bytes_of_utf8() -> None:
    assert document(text="é" * 50).text
    assert rejection(text="é" * 51).reason is RejectReason.TOO_LARGE


def test_a_detail_is_short_and_printable() -> None:
    made = rejection(**{"a\x1b[31m\n" * 9: 1})
    assert made.detail.isprintable()
    assert len(Rejection(RejectReason.NO_TEXT, "x" * 999).detail) == 200


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), "null"),
        (float("-inf"), "null"),
        ([1, [float("nan")]], "[1,[null]]"),
        (datetime(2024, 5, 1, 12), '"2024-05-01T12:00:00"'),
        (timedelta(seconds=90), '"0:01:30"'),
        (Decimal("1.10"), '"1.10"'),
        (b"\x00\xff", '"AP8="'),
        ([("k", 1)], '[["k",1]]'),
        ("Grüße 中", '"Grüße 中"'),
        ("\ud800 ü", r'"\ud800 \u00fc"'),
        ("\0\u2028", '"\\u0000\u2028"'),
    ],
)
def test_metadata_is_json_whatever_the_field_holds(value: object, expected: str) -> None:
    written = metadata_json({"field": value})
    assert written == f'{{"field":{expected}}}'
    assert "NaN" not in written
    json.loads(written)
