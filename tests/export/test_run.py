import json
from pathlib import Path

import pytest

from reflectgen.errors import VerificationError
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.formats import Format
from reflectgen.export.run import export_shards
from reflectgen.export.verify import verify_export
from reflectgen.export.writing import ShardKey, Writing
from reflectgen.reflection.form import FormOptions

from .making import BUILTIN, NOW, corpus, export, export_here, facts, in_half

RECORDS = ("records/train-00000-of-00002.json", "records/train-00001-of-00002.json")
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
    export_here(Writing(tmp_path / "b", 2, tuple(Format), FormOptions()), in_half(documents), later)
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
        "records/train-00003-of-00009.json",
        "records/train-00001-of-00002.json.0a1b2c3d.partial",
    ]
    (tmp_path / "records").mkdir()
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


class Interrupted:
    """Documents that cannot be read to their end."""

    def __iter__(self):
        yield from corpus()[:3]
        raise KeyboardInterrupt


class Counted:
    """Documents that know how often they were gone through."""

    def __init__(self, documents) -> None:
        self.documents, self.times = documents, 0

    def __iter__(self):
        self.times += 1
        return iter(self.documents)


def interrupt(tmp_path: Path, formats=tuple(Format), form: FormOptions | None = None) -> None:
    """Export the first shard, and fail in the second one."""
    with pytest.raises(KeyboardInterrupt):
        export_here(Writing(tmp_path, 2, formats, form or FormOptions()), [corpus()[:6], Interrupted()], facts(12))


def go_on(tmp_path: Path, formats=tuple(Format), form: FormOptions | None = None) -> list[int]:
    """Export again; return how often the documents of each shard were needed."""
    shards = [Counted(part) for part in in_half(corpus())]
    export_here(Writing(tmp_path, 2, formats, form or FormOptions()), shards, facts(12))
    return [shard.times for shard in shards]


def test_an_interrupted_export_has_no_manifest_and_goes_on_with_the_shards_that_are_whole(tmp_path: Path) -> None:
    export(tmp_path / "whole")
    interrupt(tmp_path / "b")
    assert not (tmp_path / "b" / "manifest.json").exists()
    assert not verify_export(tmp_path / "b").ok
    assert go_on(tmp_path / "b") == [0, 1]
    assert contents(tmp_path / "b") == contents(tmp_path / "whole")


def test_what_a_kill_between_last_shard_and_manifest_left_is_not_written_again(tmp_path: Path) -> None:
    export(tmp_path / "whole")
    with pytest.raises(VerificationError):
        export_here(Writing(tmp_path / "b", 2, tuple(Format), FormOptions()), in_half(corpus()), facts(13))
    assert go_on(tmp_path / "b") == [0, 0]
    assert contents(tmp_path / "b") == contents(tmp_path / "whole")


def test_a_finished_export_is_written_anew(tmp_path: Path) -> None:
    export(tmp_path)
    assert go_on(tmp_path) == [1, 1]


@pytest.mark.parametrize("path", ["jsonl/train-00000-of-00002.jsonl", RECORDS[0]])
@pytest.mark.parametrize("harm", ["gone", "cut", "changed"])
def test_a_shard_that_is_not_whole_is_written_again(tmp_path: Path, path: str, harm: str) -> None:
    interrupt(tmp_path)
    file = tmp_path / path
    content = file.read_bytes()
    file.write_bytes({"gone": b"", "cut": content[:-9], "changed": content.replace(b"doc-1", b"doc-X")}[harm])
    if harm == "gone":
        file.unlink()
    is_harmed = harm != "changed" or path not in RECORDS  # a record holds no text
    assert go_on(tmp_path) == [int(is_harmed), 1]
    assert verify_export(tmp_path).ok


def test_what_was_interrupted_is_not_gone_on_with_in_another_form_or_arm_or_number_of_shards(tmp_path: Path) -> None:
    interrupt(tmp_path / "a")
    assert go_on(tmp_path / "a", form=FormOptions(style="template")) == [1, 1]
    interrupt(tmp_path / "b", (Format.JSONL,))
    shards = [Counted(corpus())]
    export_here(Writing(tmp_path / "b", 1, (Format.JSONL,), FormOptions()), shards, facts(12))
    assert shards[0].times == 1
    interrupt(tmp_path / "c", (Format.JSONL,))
    shards = [Counted(part) for part in in_half(corpus())]
    raw = Writing(tmp_path / "c", 2, (Format.JSONL,), FormOptions(), ArmOptions(name=ArmName.RAW))
    export_here(raw, shards, facts(12))
    assert [shard.times for shard in shards] == [1, 1]
    assert all(verify_export(tmp_path / name).ok for name in "abc")


def test_an_interrupted_export_goes_on_with_fewer_formats_and_is_written_again_for_more(tmp_path: Path) -> None:
    interrupt(tmp_path / "a", (Format.PARQUET, Format.JSONL))
    assert go_on(tmp_path / "a", (Format.JSONL,)) == [0, 1]
    interrupt(tmp_path / "b", (Format.JSONL,))
    assert go_on(tmp_path / "b", (Format.PARQUET, Format.JSONL)) == [1, 1]
    assert verify_export(tmp_path / "a").ok
    assert not list((tmp_path / "a" / "parquet").glob("train-*"))
    assert verify_export(tmp_path / "b").ok


@pytest.mark.parametrize(
    ("shards", "given", "problem"),
    [
        ([corpus(), []], facts(13), "16 documents in are not 12 woven and 3 rejected"),
        ([corpus(), []], facts(12, provenances=[]), "provenances that are not given"),
    ],
)
def test_an_export_that_does_not_add_up_gets_no_manifest(tmp_path: Path, shards, given, problem: str) -> None:
    with pytest.raises(VerificationError, match=problem):
        export_here(Writing(tmp_path, 2, (Format.JSONL,), FormOptions()), shards, given)
    assert not (tmp_path / "manifest.json").exists()


def test_an_export_with_a_shard_missing_is_not_begun(tmp_path: Path) -> None:
    export(tmp_path)
    writing = Writing(tmp_path, 2, (Format.JSONL,), FormOptions())
    with pytest.raises(VerificationError, match="shard 1 is missing from the export, got 2"):
        export_shards(writing, [ShardKey(0, ""), ShardKey(2, "")], lambda: pytest.fail("begun"), facts(12))
    assert verify_export(tmp_path).ok


def test_a_corpus_without_documents_is_an_export_without_files(tmp_path: Path) -> None:
    export_here(Writing(tmp_path, 0, (Format.PARQUET,), FormOptions()), [], facts(0))
    report = verify_export(tmp_path)
    assert report.ok
    assert (report.num_files, report.num_documents) == (0, 0)
