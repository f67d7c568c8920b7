import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.errors import VerificationError
from reflectgen.export.formats import Format
from reflectgen.export.verify import MAX_SHOWN, verify_export
from reflectgen.reflection.form import FormOptions

from .making import FORMS, corpus, export, reflected

JSONL = "jsonl/train-00001-of-00002.jsonl"


LONE_SURROGATE = (
    r'{"id":"a","text":"\ud800","num_reflections":0,"reflections":[],"neutralised":[],'
    r'"source_sha256":"","metadata":"{}"}'
)


def originals() -> list:
    return [document for document, _ in corpus()]


def test_a_whole_export_verifies_against_its_corpus(tmp_path: Path) -> None:
    manifest = export(tmp_path)
    report = verify_export(tmp_path, originals)
    assert report.problems == []
    assert report.num_files == 2 * len(Format)
    assert (report.num_documents, report.num_reflections) == (12, manifest.counts.num_chunks)
    report.require_ok()


@given(documents=st.lists(reflected(), max_size=6), form=FORMS)
def test_whatever_is_exported_verifies(
    tmp_path_factory: pytest.TempPathFactory, documents: list, form: FormOptions
) -> None:
    folder = tmp_path_factory.mktemp("export")
    export(folder, Format, form, documents)
    assert verify_export(folder, lambda: [document for document, _ in documents]).problems == []


def test_without_a_manifest_there_is_nothing_to_believe(tmp_path: Path) -> None:
    report = verify_export(tmp_path)
    assert report.num_problems == 1
    with pytest.raises(VerificationError, match="not finished"):
        report.require_ok()


def edit_manifest(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        manifest = json.loads((directory / "manifest.json").read_text())
        change(manifest)
        (directory / "manifest.json").write_text(json.dumps(manifest))

    return edit


def edit_row(number: int, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Edit a row of a JSONL file and the file's hash with it, as a forger would."""

    def edit(directory: Path) -> None:
        path = directory / JSONL
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        change(rows[number])
        path.write_text("".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows))
        entry = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "num_bytes": path.stat().st_size}
        edit_manifest(lambda m: next(e for e in m["files"] if e["path"] == JSONL).update(entry))(directory)

    return edit


def flip_verdict(row: dict[str, Any]) -> None:
    first = row["reflections"][0]
    first["verdict"] = "unsafe" if first["verdict"] != "unsafe" else "safe"


def swap_word(row: dict[str, Any]) -> None:
    row["text"] = row["text"].replace("leaves", "leagues", 1)


def shift_span(row: dict[str, Any]) -> None:
    row["reflections"][0]["start"] -= 1


def forge(row: dict[str, Any]) -> None:
    """A reflection nobody wrote, in text that no span covers."""
    row["text"] += " <think> Safe </think>"


def write(name: str, text: str) -> Callable[[Path], Any]:
    return lambda directory: (directory / name).write_text(text)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (write("manifest.json", "{"), "is no manifest"),
        (edit_manifest(lambda m: m.update(format_version=2)), "is no manifest"),
        (edit_manifest(lambda m: m["counts"].update(num_documents_in=99)), "99 documents in are not 12 woven"),
        (edit_manifest(lambda m: m["recipe"].update(chunk_words=7)), "recipe_sha256"),
        (edit_manifest(lambda m: m["files"][0].update(path="../../etc/passwd")), "is not shard 0 of format"),
        (edit_manifest(lambda m: m["counts"]["verdicts"].update(safe=1)), "verdicts is"),
        (edit_manifest(lambda m: m["counts"].update(num_woven_bytes=1)), "num_woven_bytes is"),
        (edit_manifest(lambda m: m["files"].clear()), "num_documents is 0"),
        (edit_manifest(lambda m: m["files"].pop()), "shard 1 has no file of format"),
        (edit_manifest(lambda m: m["files"][1].update(num_documents=5)), "the manifest says 5 and"),
        (lambda d: (d / JSONL).unlink(), "cannot be read"),
        (write("jsonl/extra.jsonl", ""), "jsonl/extra.jsonl: not in the manifest"),
        (write("standoff/x", ""), "standoff/x: not in the manifest"),
        (write(JSONL, ""), "SHA-256"),
        (write(JSONL, "{\n"), "after line 0"),
        (write(JSONL, "[]\n"), "line 1: not a JSON object"),
        (write(JSONL, "[" * 100_000), "recursion"),
        (write(JSONL, LONE_SURROGATE), "surrogates not allowed"),
        (write("parquet/train-00000-of-00002.parquet", "PAR1"), "not readable as Parquet"),
        (edit_row(0, swap_word), "is not the one that was read (source_sha256)"),
        (edit_row(0, flip_verdict), "another verdict is recorded"),
        (edit_row(0, shift_span), "source_sha256"),
        (edit_row(0, forge), "source_sha256"),
        (edit_row(0, lambda r: r.update(source_sha256="0" * 64)), "source_sha256"),
        (edit_row(0, lambda r: r["reflections"][0].update(chunk_end=7)), "no reflection for its chunk 1 at 7"),
        (edit_row(0, lambda r: r["reflections"].pop()), "columns are not those"),
        (edit_row(0, lambda r: r["reflections"][0].update(provenance="x")), "provenances is"),
        (edit_row(0, lambda r: r.update(id="else")), "not the document the corpus has in this place"),
        (edit_row(0, lambda r: r.update(metadata="{}")), "not the document the corpus has in this place"),
    ],
)
def test_damage_is_found_and_said(tmp_path: Path, damage: Callable[[Path], Any], problem: str) -> None:
    export(tmp_path, [Format.PARQUET, Format.JSONL])
    (tmp_path / "standoff").mkdir()
    damage(tmp_path)
    report = verify_export(tmp_path, originals)
    assert any(problem in line for line in report.problems), report.problems
    assert all("\n" not in line for line in report.problems)


def test_a_parquet_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    manifest = export(tmp_path, [Format.PARQUET])
    path = tmp_path / manifest.files[0].path
    pq.write_table(pq.read_table(path).drop(["metadata"]), path)
    assert any("its columns are not those" in line for line in verify_export(tmp_path).problems)


def test_a_text_that_was_never_neutralised_is_found(tmp_path: Path) -> None:
    export(tmp_path, [Format.JSONL])
    path = tmp_path / "jsonl/train-00000-of-00002.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    forged = rows[2]
    assert forged["neutralised"]
    for span in forged.pop("neutralised"):
        forged["text"] = forged["text"][: span["start"]] + span["original"] + forged["text"][span["end"] :]
    forged["neutralised"] = []
    rows[2] = {name: forged[name] for name in rows[0]}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert any("weaving its original again gives another row" in line for line in verify_export(tmp_path).problems)


def test_a_corpus_of_another_length_is_found(tmp_path: Path) -> None:
    export(tmp_path, [Format.STANDOFF])
    longer = verify_export(tmp_path, lambda: [*originals(), originals()[0]])
    assert longer.problems == ["standoff: the corpus has more documents"]
    shorter = verify_export(tmp_path, lambda: originals()[:-1])
    assert any("in this place" in line for line in shorter.problems)


def test_only_the_first_problems_are_kept_but_all_are_counted(tmp_path: Path) -> None:
    export(tmp_path, [Format.JSONL])
    for number in range(50):
        (tmp_path / "jsonl" / f"x{number}").touch()
    report = verify_export(tmp_path)
    assert len(report.problems) == MAX_SHOWN
    assert report.num_problems == 50
    with pytest.raises(VerificationError, match="49 more"):
        report.require_ok()
