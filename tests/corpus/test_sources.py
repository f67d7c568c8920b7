from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from reflectgen.corpus.sources import Source, SourceFormat, find_sources, format_of
from reflectgen.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in [
        "b.jsonl",
        "a.txt",
        "sub/c.parquet",
        "sub/d.md",
        ".hidden/e.txt",
        "sub/.f.txt",
        "image.png",
        "g.tar.gz",
    ]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"12345")
    return tmp_path


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe({"/corpus/a.jsonl": b"{}", "/corpus/sub/b.txt.zip": b"", "/corpus/sub/c.md": b"123"})
    yield filesystem
    filesystem.rm("/corpus", recursive=True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jsonl", SourceFormat.JSONL),
        ("a.NDJSON.GZ", SourceFormat.JSONL),
        ("dir.x/a.json.zst", SourceFormat.JSONL),
        ("a.parquet", SourceFormat.PARQUET),
        ("a.markdown", SourceFormat.TEXT),
        ("a.txt.gz", None),
        ("a.gz", None),
        ("jsonl", None),
        (".txt", None),
    ],
)
def test_the_ending_says_the_format(name: str, kind: SourceFormat | None) -> None:
    assert format_of(name) is kind


def test_a_folder_gives_its_readable_files_by_name_and_tells_the_others(folder: Path) -> None:
    found = find_sources([str(folder)])
    assert [source.name for source in found.sources] == ["a.txt", "b.jsonl", "sub/c.parquet", "sub/d.md"]
    assert [source.path for source in found.sources] == [f"{folder}/{source.name}" for source in found.sources]
    assert {source.size_bytes for source in found.sources} == {5}
    assert found.skipped == [f"{folder}/g.tar.gz", f"{folder}/image.png"]


def test_inputs_keep_their_order_and_no_file_comes_twice(folder: Path) -> None:
    found = find_sources([f"{folder}/b.jsonl", f"{folder}/sub/", str(folder), f"{folder}/*.txt"])
    assert [source.name for source in found.sources] == ["b.jsonl", "c.parquet", "d.md", "a.txt"]


def test_a_path_is_shown_as_it_was_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert [source.path for source in find_sources(["sub", "a.txt"]).sources] == ["sub/c.parquet", "sub/d.md", "a.txt"]
    assert [source.path for source in find_sources(["*.txt"]).sources] == ["a.txt"]


def test_a_name_with_the_signs_of_a_pattern_is_a_name_first(folder: Path) -> None:
    (folder / "odd[1].jsonl").write_bytes(b"")
    assert find_sources([f"{folder}/odd[1].jsonl"]).sources[0].path == f"{folder}/odd[1].jsonl"


def test_the_stamp_changes_when_the_file_does(folder: Path) -> None:
    path = folder / "b.jsonl"
    before = find_sources([str(path)]).sources[0].stamp
    assert find_sources([str(path)]).sources[0].stamp == before
    os.utime(path, ns=(1, 1))
    assert find_sources([str(path)]).sources[0].stamp != before


def test_a_link_back_to_its_folder_ends(folder: Path) -> None:
    (folder / "sub" / "up").symlink_to(folder)
    assert len(find_sources([str(folder)]).sources) == 4


def test_standard_input_is_lines_of_json() -> None:
    assert find_sources(["-"]).sources == [Source("-", SourceFormat.JSONL, 0, "", "stdin")]


def test_any_file_system_can_be_named(memory: fsspec.AbstractFileSystem) -> None:
    found = find_sources(["memory://corpus"])
    assert [source.path for source in found.sources] == ["memory://corpus/a.jsonl", "memory://corpus/sub/c.md"]
    assert found.sources[1].name == "sub/c.md"
    assert found.skipped == ["memory://corpus/sub/b.txt.zip"]
    before = found.sources[0].stamp
    memory.pipe("/corpus/a.jsonl", b"{}")
    (source,) = find_sources(["memory://corpus/*.jsonl"]).sources
    assert source.path.endswith("corpus/a.jsonl")
    assert source.stamp != before


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("nowhere.jsonl", "there is no {}; name an existing file, folder or pattern"),
        ("*.parquet", "there is no {}; name an existing file, folder or pattern"),
        ("image.png", "nothing in {} is of a known kind; name or make files that end in "),
        (".hidden/..", None),
    ],
)
def test_what_cannot_be_read_is_one_line_with_a_way_out(folder: Path, named: str, message: str | None) -> None:
    if message is None:
        (folder / "empty").mkdir()
        named, message = "empty", "nothing in {} is of a known kind; name or make files that end in "
    with pytest.raises(InputError) as raised:
        find_sources([f"{folder}/{named}"])
    assert str(raised.value).startswith(message.format(f"{folder}/{named}"))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("address", ["nosuch://bucket/a.jsonl", "memory://nowhere", "s3://"])
def test_an_address_that_leads_nowhere_is_one_line(address: str) -> None:
    with pytest.raises(InputError) as raised:
        find_sources([address])
    assert address in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_inputs_are_nothing_to_read() -> None:
    with pytest.raises(InputError, match=r"^nothing to read; "):
        find_sources([])


def test_files_of_two_folders_with_one_name_keep_two_names(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "README.md").write_text(folder)
    found = find_sources([str(tmp_path / "a"), str(tmp_path / "b")])
    assert [source.name for source in found.sources] == [source.path for source in found.sources]
    (alone,) = find_sources([str(tmp_path / "a")]).sources
    assert alone.name == "README.md"
