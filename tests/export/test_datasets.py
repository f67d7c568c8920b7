"""The reader that most trainers use, for real and offline."""

from pathlib import Path
from typing import Any

import pytest

from reflectgen.export.formats import Format
from reflectgen.export.read import read_rows
from reflectgen.records import Document

from .making import chunk, export


@pytest.fixture
def load_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    return lambda folder, name=None: datasets.load_dataset(
        str(folder), name, split="train", cache_dir=str(tmp_path / "c")
    )


@pytest.mark.parametrize("format_", Format)
def test_datasets_reads_every_row_of_every_format(tmp_path: Path, load_dataset: Any, format_: Format) -> None:
    manifest = export(tmp_path / "out")
    apart = format_ is not Format.PARQUET  # one folder has one kind of reader
    loaded = load_dataset(tmp_path / "out" / format_.folder) if apart else load_dataset(tmp_path / "out", "parquet")
    paths = [tmp_path / "out" / entry.path for entry in manifest.files if entry.format is format_]
    assert list(loaded) == [row for path in paths for row in read_rows(path, format_)]


@pytest.mark.parametrize("format_", [Format.JSONL, Format.JSONL_ZST, Format.STANDOFF])
def test_datasets_reads_every_format_of_a_kind_from_the_export_itself(
    tmp_path: Path, load_dataset: Any, format_: Format
) -> None:
    manifest = export(tmp_path / "out", [Format.JSONL, Format.JSONL_ZST, Format.STANDOFF])
    loaded = load_dataset(tmp_path / "out", format_.folder)
    paths = [tmp_path / "out" / entry.path for entry in manifest.files if entry.format is format_]
    assert list(loaded) == [row for path in paths for row in read_rows(path, format_)]


@pytest.mark.parametrize("format_", Format)
def test_datasets_does_not_take_one_export_for_another(tmp_path: Path, load_dataset: Any, format_: Format) -> None:
    formats = [Format.PARQUET] if format_ is Format.PARQUET else [Format.PARQUET, format_]
    for name in ("one", "two"):
        document = Document("a", f"Leaf {name}.")
        export(tmp_path / name / "export", formats, documents=[(document, [chunk(0, 0, 9)])])
        folder = tmp_path / name / "export"
        (row,) = load_dataset(folder if format_ is Format.PARQUET else folder / format_.folder)
        assert name in row["text"]


def test_datasets_reads_lists_that_are_empty_until_late(tmp_path: Path, load_dataset: Any) -> None:
    plain = [(Document(str(n), "leaf " * 40_000), [chunk(0, 0, 200_000)]) for n in range(80)]
    forged = [(Document("last", "<think> leaf"), [chunk(0, 0, 12)])]
    export(tmp_path / "out", [Format.JSONL], documents=[*plain, *forged])
    loaded = load_dataset(tmp_path / "out", "jsonl")
    assert loaded[-1]["neutralised"] == [{"start": 0, "end": 1, "original": "<", "in_reflection": False}]
