import json
from pathlib import Path

import pytest

from reflectgen.errors import VerificationError
from reflectgen.export.formats import Format
from reflectgen.export.run import export_shards
from reflectgen.export.verify import verify_export
from reflectgen.reflection.form import FormOptions

from .making import BUILTIN, NOW, corpus, export, facts

DATA_BYTES_NAME_NONE_OF = ("2031", "teacher.internal", "deadbeef", "9.9.9", "secret")


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


def test_an_export_holds_every_format_a_card_and_a_manifest(tmp_path: Path) -> None:
    manifest = export(tmp_path)
    cards = ["README.md", "jsonl/README.md", "jsonl-zst/README.md", "standoff/README.md"]
    assert set(contents(tmp_path)) == {*cards, "manifest.json", *(entry.path for entry in manifest.files)}
    assert len(manifest.files) == 2 * len(Format)
    counts = manifest.counts
    assert counts.num_documents_in == counts.num_documents + counts.num_rejected_rows == 15
    assert sum(counts.verdicts.values()) == sum(counts.roads.values()) == counts.num_chunks
    assert counts.num_neutralised == 3
    assert verify_export(tmp_path).problems == []


def test_two_exports_differ_in_the_manifest_alone(tmp_path: Path) -> None:
    export(tmp_path / "a")
    documents = corpus()
    later = facts(len(documents), created_at=NOW.replace(year=2032), code_version="10")
    export_shards([(0, documents[:6]), (1, documents[6:])], 2, tmp_path / "b", list(Format), FormOptions(), later)
    a, b = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert {name for name in a if a[name] != b[name]} == {"manifest.json"}


def test_exported_bytes_hold_no_time_endpoint_or_code_version(tmp_path: Path) -> None:
    export(tmp_path, [Format.PARQUET, Format.JSONL])
    for name, data in contents(tmp_path).items():
        if name != "manifest.json":
            assert not any(secret.encode() in data for secret in DATA_BYTES_NAME_NONE_OF)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["provenances"][BUILTIN.key][0]["endpoint"] == BUILTIN.endpoint
    assert manifest["created_at"] == "2031-05-17T12:34:56+00:00"


def test_what_an_earlier_export_left_is_cleared_and_other_files_are_not(tmp_path: Path) -> None:
    export(tmp_path)
    stale = [
        "parquet/train-00000-of-00009.parquet",
        "parquet/train-00001-of-00002.parquet.0a1b2c3d.partial",
        "jsonl/train-00007-of-00002.jsonl",
        "README.md.0a1b2c3d.partial",
    ]
    for name in (*stale, "jsonl/notes.txt", "mine.txt"):
        (tmp_path / name).write_text("x")
    export(tmp_path, [Format.PARQUET])
    assert list(contents(tmp_path)) == [
        "README.md",
        "jsonl/notes.txt",
        "manifest.json",
        "mine.txt",
        "parquet/train-00000-of-00002.parquet",
        "parquet/train-00001-of-00002.parquet",
    ]


def test_an_interrupted_export_has_no_manifest_and_is_written_again(tmp_path: Path) -> None:
    export(tmp_path)
    whole = contents(tmp_path)

    def shards():
        yield 0, corpus()[:6]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_shards(shards(), 2, tmp_path, list(Format), FormOptions(), facts(12))
    assert not (tmp_path / "manifest.json").exists()
    assert not verify_export(tmp_path).ok
    export(tmp_path)
    assert contents(tmp_path) == whole


@pytest.mark.parametrize(
    ("shards", "given", "problem"),
    [
        ([(0, corpus())], facts(12), "shard 1 of 2 is missing"),
        ([(1, corpus())], facts(12), "shard 0 of 2 is missing"),
        ([(0, corpus()), (1, [])], facts(13), "16 documents in are not 12 woven and 3 rejected"),
        ([(0, corpus()), (1, [])], facts(12, provenances=[]), "provenances that are not given"),
    ],
)
def test_an_export_that_does_not_add_up_gets_no_manifest(tmp_path: Path, shards, given, problem: str) -> None:
    with pytest.raises(VerificationError, match=problem):
        export_shards(shards, 2, tmp_path, [Format.JSONL], FormOptions(), given)
    assert not (tmp_path / "manifest.json").exists()


def test_a_corpus_without_documents_is_an_export_without_files(tmp_path: Path) -> None:
    export_shards([], 0, tmp_path, [Format.PARQUET], FormOptions(), facts(0))
    report = verify_export(tmp_path)
    assert report.ok
    assert (report.num_files, report.num_documents) == (0, 0)
