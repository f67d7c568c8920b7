import json
from typing import Any

import pytest
from hypothesis import given

from reflectgen.errors import VerificationError
from reflectgen.export.formats import Format
from reflectgen.export.read import document_of
from reflectgen.export.record import ChunkReflection, Edit, EditedDocument, EditKind, StandoffDocument, WovenDocument
from reflectgen.export.rows import from_row, to_line, to_row
from reflectgen.export.schema import schema_of
from reflectgen.export.standoff import stand_off
from reflectgen.export.weave import weave
from reflectgen.records import Document
from reflectgen.reflection.form import FormOptions

from .making import chunk, reflected


@given(reflected())
def test_a_row_becomes_the_same_document_again(given_: tuple[Document, list[ChunkReflection]]) -> None:
    woven = weave(*given_, FormOptions())
    beside = stand_off(*given_, woven)
    assert from_row(WovenDocument, json.loads(to_line(woven))) == woven
    assert from_row(StandoffDocument, json.loads(to_line(beside))) == beside


def test_rows_have_the_columns_of_their_schema_in_its_order() -> None:
    document, reflections = Document("d", "<think> a"), [chunk(0, 0, 9)]
    woven = weave(document, reflections, FormOptions())
    for format_, row in (
        (Format.PARQUET, to_row(woven)),
        (Format.STANDOFF, to_row(stand_off(document, reflections, woven))),
    ):
        schema = schema_of(format_)
        assert list(row) == schema.names
        for column in ("reflections", "neutralised"):
            assert list(row[column][0]) == [field.name for field in schema.field(column).type.value_type]


def test_a_row_with_edits_is_a_column_longer_and_becomes_the_same_document_again() -> None:
    edits = (Edit(0, 3, 0, 0, EditKind.PREFIX, "somebody"),)
    document = EditedDocument("d", "ok text", (), (), "", "{}", edits)
    row = to_row(document)
    schema = schema_of(Format.JSONL, edited=True)
    assert list(row) == schema.names
    assert list(row["edits"][0]) == [field.name for field in schema.field("edits").type.value_type]
    assert document_of(json.loads(to_line(document)), Format.JSONL) == document


def good_row() -> dict[str, Any]:
    row: dict[str, Any] = json.loads(to_line(weave(Document("d", "a b"), [chunk(0, 0, 3)], FormOptions())))
    return row


@pytest.mark.parametrize(
    "changes",
    [
        {"text": None},
        {"text": 5},
        {"num_reflections": 2},
        {"num_reflections": "1"},
        {"extra": 1},
        {"reflections": {}},
        {"reflections": [{"start": 0}]},
        {"reflections": [{**good_row()["reflections"][0], "start": "3"}]},
        {"reflections": [{**good_row()["reflections"][0], "verdict": "fine"}]},
        {"neutralised": [{"start": 0, "end": 1, "original": "<"}]},
    ],
)
def test_a_row_with_other_columns_or_values_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(VerificationError):
        from_row(WovenDocument, {**good_row(), **changes})


def test_a_row_that_lacks_a_column_is_refused_by_its_name() -> None:
    row = good_row()
    del row["source_sha256"]
    with pytest.raises(VerificationError, match="source_sha256"):
        from_row(WovenDocument, row)
