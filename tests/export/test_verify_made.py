"""Tokens are proved against their manifest, and against the woven documents that they were made from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from reflectgen.export.dolma import DOLMA, export_dolma
from reflectgen.export.formats import Format
from reflectgen.export.kinds import Weights
from reflectgen.export.marked_tokenizer import load_marked_tokenizer
from reflectgen.export.token_export import Making, export_tokens
from reflectgen.export.trainer_formats import TokenFormat
from reflectgen.export.verify import VerifyReport
from reflectgen.export.verify_made import is_made, made_folders, verify_made
from reflectgen.export.woven_source import open_woven
from reflectgen.reflection.form import FormOptions
from tests.export.making import export
from tests.export.tokenizers_of_tests import write_tokenizer


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    export(folder, [Format.PARQUET])
    marked = load_marked_tokenizer(str(write_tokenizer("bytes", tmp_path)), FormOptions())
    export_tokens(open_woven(folder), folder, list(TokenFormat), Making(marked, FormOptions(), Weights(text=0)))
    export_dolma(open_woven(folder), folder)
    return folder


def problems(folder: Path) -> list[str]:
    report = VerifyReport()
    verify_made(folder, report)
    return report.problems


def test_what_was_written_verifies_in_every_format(out: Path) -> None:
    assert [folder.name for folder in made_folders(out)] == [*TokenFormat, DOLMA]
    for folder in made_folders(out):
        assert problems(folder) == []
        assert is_made(folder)
    assert not is_made(out)


def test_a_folder_taken_elsewhere_verifies_by_its_hashes(out: Path, tmp_path: Path) -> None:
    (out / "olmo").rename(tmp_path / "olmo")
    assert problems(tmp_path / "olmo") == []


@pytest.mark.parametrize("name", ["train-00000-of-00002.tokens", "tokenizer/tokenizer.json"])
def test_a_changed_byte_is_found(out: Path, name: str) -> None:
    path = out / "tokens" / name
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    assert "SHA-256" in problems(out / "tokens")[0]


def test_a_missing_and_a_strange_file_are_found(out: Path) -> None:
    (out / "datatrove" / "train-00001-of-00002.ds.loss").rename(out / "datatrove" / "train-00009-of-00002.ds.loss")
    first, second = problems(out / "datatrove")
    assert "cannot read" in first
    assert "not in the manifest" in second


def test_tokens_of_other_text_are_found_though_every_hash_is_right(out: Path) -> None:
    path = out / "tokens" / "train-00000-of-00002.tokens"
    changed = b"\x01\x00" + path.read_bytes()[2:]
    path.write_bytes(changed)
    manifest = json.loads((out / "tokens" / "manifest.json").read_text())
    manifest["shards"][0]["files"][0]["sha256"] = hashlib.sha256(changed).hexdigest()
    (out / "tokens" / "manifest.json").write_text(json.dumps(manifest))
    assert [problem.rpartition(": ")[2] for problem in problems(out / "tokens")] == [
        "made again from the woven documents it is other than in the manifest"
    ]


def test_tokens_of_another_export_are_found(out: Path) -> None:
    export(out, [Format.PARQUET, Format.JSONL])
    assert "made from another export" in problems(out / "tokens")[0]


def test_an_unfinished_folder_is_found(out: Path) -> None:
    (out / "megatron" / "manifest.json").unlink()
    assert "not finished" in problems(out / "megatron")[0]


def test_a_changed_line_of_dolma_is_found(out: Path) -> None:
    path = out / "dolma" / "documents" / "train-00000-of-00002.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert "SHA-256" in problems(out / "dolma")[0]
    (out / "dolma" / "manifest.json").unlink()
    assert "not finished" in problems(out / "dolma")[0]
