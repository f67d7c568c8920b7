"""Dolma's layout: the documents untouched, and beside them what weaves them and what filters them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from reflectgen.errors import RecipeError
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.arms.registry import make_arm
from reflectgen.export.dolma import FOLDERS, export_dolma, rows
from reflectgen.export.formats import Format
from reflectgen.export.record import ChunkReflection
from reflectgen.export.run import export_shards
from reflectgen.export.weave import weave
from reflectgen.export.woven_source import open_woven
from reflectgen.records import Document, Verdict
from reflectgen.reflection.form import FormOptions
from tests.export.making import FORMS, chunk, corpus, export, facts, reflected


def woven_again(text: str, attributes: dict[str, list[Any]]) -> str:
    for start, end, replacement in reversed(attributes["reflectgen__neutralised"]):
        text = text[:start] + replacement + text[end:]
    for at, _, written in reversed(attributes["reflectgen__written"]):
        text = text[:at] + written + text[at:]
    return text


@given(given=reflected(), form=FORMS)
def test_documents_are_the_originals_and_the_reflections_weave_them(
    given: tuple[Document, list[ChunkReflection]], form: FormOptions
) -> None:
    document, reflections = given
    woven = weave(document, reflections, form)
    row, _, texts = rows(woven)
    assert (row["id"], row["text"]) == (document.id, document.text)
    assert woven_again(row["text"], texts["attributes"]) == woven.text


def test_every_chunk_has_its_score_and_its_category() -> None:
    document = Document("a", "Leaves turn light. He plans an ambush.", '{"source": "book"}')
    given = [chunk(0, 0, 19), chunk(1, 19, 38, Verdict.UNSAFE)]
    _, scores, _ = rows(weave(document, given, FormOptions()))
    assert scores == {
        "id": "a",
        "source": "book",
        "attributes": {
            "reflectgen__unsafe": [[0, 19, 0.0], [19, 38, 1.0]],
            "reflectgen__violent_crimes": [[19, 38, 1.0]],
        },
    }


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    files = sorted((folder / "dolma" / name).glob("*.jsonl.gz"))
    return [json.loads(line) for path in files for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_the_files_of_every_folder_line_up_whatever_the_number_of_processes(tmp_path: Path) -> None:
    export(tmp_path, [Format.JSONL])
    woven = open_woven(tmp_path)
    one = export_dolma(woven, tmp_path)
    assert export_dolma(woven, tmp_path / "again", processes=2) == one
    documents, *beside = (lines(tmp_path, name) for name in FOLDERS)
    assert [row["text"] for row in documents] == [document.text for document, _ in corpus()]
    for attributes in beside:
        assert [(row["id"], row["source"]) for row in attributes] == [(d["id"], d["source"]) for d in documents]


def test_an_arm_that_changes_documents_has_no_such_layout(tmp_path: Path) -> None:
    form = FormOptions()
    arm = make_arm(ArmOptions(name=ArmName.FILTER), form)
    documents = corpus()
    export_shards([(0, documents)], 1, tmp_path, [Format.PARQUET], form, facts(len(documents)), arm)
    with pytest.raises(RecipeError, match="leave --format dolma out"):
        export_dolma(open_woven(tmp_path), tmp_path)
