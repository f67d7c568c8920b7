"""Dolma's layout: the documents untouched, and beside them what weaves them and what filters them."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from reflectgen.errors import RecipeError
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.dolma import FOLDERS, export_dolma, rows
from reflectgen.export.formats import Format
from reflectgen.export.record import ChunkReflection
from reflectgen.export.weave import weave
from reflectgen.export.woven_source import open_woven
from reflectgen.export.writing import Writing
from reflectgen.records import Document, Verdict
from reflectgen.reflection.form import FormOptions
from tests.export.making import FORMS, chunk, corpus, export, export_here, facts, reflected


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


def hashes(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_finished_shards_are_kept_and_lost_or_damaged_ones_made_again(tmp_path: Path) -> None:
    export(tmp_path, [Format.JSONL])
    woven, folder = open_woven(tmp_path), tmp_path / "dolma"
    export_dolma(woven, tmp_path)
    whole = hashes(folder)
    first, second = sorted((folder / "attributes/reflectgen").glob("*.gz"))
    kept = first.stat().st_mtime_ns
    for damage in (Path.unlink, lambda path: path.write_bytes(bytes(path.stat().st_size))):
        damage(second)
        (folder / "manifest.json").unlink()
        (folder / "documents" / f"{first.name}.12.partial").write_bytes(b"of a run that was killed")
        export_dolma(woven, tmp_path)
        assert hashes(folder) == whole
        assert first.stat().st_mtime_ns == kept


def test_shards_of_other_documents_are_made_again(tmp_path: Path) -> None:
    export(tmp_path, [Format.JSONL])
    export_dolma(open_woven(tmp_path), tmp_path)
    export(tmp_path, [Format.JSONL], documents=corpus(14)[2:])
    export_dolma(open_woven(tmp_path), tmp_path)
    export_dolma(open_woven(tmp_path), tmp_path / "afresh")
    assert hashes(tmp_path / "dolma") == hashes(tmp_path / "afresh/dolma")


@pytest.mark.parametrize("name", FOLDERS)
def test_datasets_reads_every_line_of_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    export(tmp_path, [Format.JSONL])
    export_dolma(open_woven(tmp_path), tmp_path)
    paths = [str(path) for path in sorted((tmp_path / "dolma" / name).glob("*.jsonl.gz"))]
    read = datasets.load_dataset("json", data_files=paths, split="train", cache_dir=str(tmp_path / "cache"))
    written = lines(tmp_path, name)
    assert (read["id"][:], read["source"][:]) == ([row["id"] for row in written], [row["source"] for row in written])
    if name == "documents":
        assert read["text"][:] == [document.text for document, _ in corpus()]
    else:  # a column that a line lacks is None in it
        given = [{key: spans for key, spans in of.items() if spans is not None} for of in read["attributes"]]
        assert given == [row["attributes"] for row in written]


def dolmas_own_mixer() -> Any:
    """Its compiled part alone, which needs none of what the package does (numpy below 2)."""
    spec = importlib.util.find_spec("dolma")
    folders = spec.submodule_search_locations or [] if spec else []
    found = [path for folder in folders for end in EXTENSION_SUFFIXES for path in Path(folder).glob(f"dolma{end}")]
    if not found:
        pytest.skip("dolma is not installed (pip install --no-deps dolma)")
    spec = importlib.util.spec_from_file_location("dolma.dolma", found[0])
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_dolma_itself_filters_and_replaces_by_the_scores(tmp_path: Path) -> None:
    mixer = dolmas_own_mixer()
    export(tmp_path, [Format.JSONL])
    export_dolma(open_woven(tmp_path), tmp_path)

    def mixed(name: str, how: dict[str, Any]) -> list[str]:
        stream = {
            "name": name,
            "documents": [str(tmp_path / "dolma/documents/*.jsonl.gz")],
            "attributes": ["reflectgen"],
            "output": {"path": str(tmp_path / name), "max_size_in_bytes": 1 << 30},
            **how,
        }
        work = {"input": str(tmp_path / "in"), "output": str(tmp_path / "out")}
        mixer.mixer_entrypoint(json.dumps({"streams": [stream], "work_dir": work, "processes": 1}))
        paths = sorted((tmp_path / name).glob("*.gz"))
        return [json.loads(line)["text"] for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]

    replacement = {"span": "$.attributes.reflectgen__unsafe", "min_score": 0.9, "replacement": "[gone]"}
    wanted = []
    for document, chunks in corpus():
        text = document.text
        for one in reversed([one for one in chunks if one.verdict is Verdict.UNSAFE]):
            text = text[: one.start] + "[gone]" + text[one.end :]
        wanted.append(text)
    assert mixed("replaced", {"span_replacement": [replacement]}) == wanted
    unsafe = "$.attributes[?(@.reflectgen__unsafe && @.reflectgen__unsafe[?(@[2] >= 1.0)])]"
    harmless = [d.text for d, chunks in corpus() if all(one.verdict is not Verdict.UNSAFE for one in chunks)]
    assert mixed("filtered", {"filter": {"include": [], "exclude": [unsafe]}}) == harmless


def test_an_arm_that_changes_documents_has_no_such_layout(tmp_path: Path) -> None:
    form = FormOptions()
    documents = corpus()
    writing = Writing(tmp_path, 1, (Format.PARQUET,), form, ArmOptions(name=ArmName.FILTER))
    export_here(writing, [documents], facts(len(documents)))
    with pytest.raises(RecipeError, match="leave --format dolma out"):
        export_dolma(open_woven(tmp_path), tmp_path)
