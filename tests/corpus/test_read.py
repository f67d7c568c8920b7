from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import zstandard

from reflectgen.corpus.read import ReadOptions, find_sources, read_rows
from reflectgen.errors import InputError
from reflectgen.records import Document, RejectedRow

OPTIONS = ReadOptions()


def read(*inputs: str) -> Iterator[Document | RejectedRow]:
    for source in find_sources(inputs).sources:
        yield from read_rows(source, OPTIONS)


def test_every_row_is_a_document_or_a_rejected_row_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"id": "a", "text": "one", "url": "u"}\n\n{broken\n{"id": "b", "text": "two"}\n')
    first, second, third = read(str(path))
    assert first == Document("a", "one", '{"url":"u"}')
    assert isinstance(second, RejectedRow)
    assert (second.source, second.line, second.reason) == (str(path), 3, "broken_json")
    assert isinstance(third, Document)
    assert third.line == 4


def test_a_folder_is_read_file_by_file_past_a_corrupt_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.parquet").write_bytes(b"corrupt")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.md").write_text("three")
    first, second, third = read(str(tmp_path))
    assert first == Document("a.txt", "one")
    assert isinstance(second, RejectedRow)
    assert second.reason == "unreadable_file"
    assert third == Document("sub/c.md", "three")


def test_a_text_file_that_was_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (source,) = find_sources([str(tmp_path)]).sources
    assert list(read_rows(source, OPTIONS, skip_rows=1)) == []


@pytest.mark.parametrize("compress", [bytes, zstandard.ZstdCompressor().compress], ids=["plain", "zstd"])
def test_standard_input_is_read_whatever_it_is_compressed_with(compress: type[bytes]) -> None:
    program = """
from reflectgen.corpus.read import ReadOptions, find_sources, read_rows
print(*read_rows(*find_sources(["-"]).sources, ReadOptions()))
"""
    content = compress(b'{"id": 1, "text": "one"}\n')
    done = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, check=True)
    assert done.stdout.decode().strip() == str(Document("1", "one", line=1))


def test_any_file_system_is_read() -> None:
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe("/read/rows.jsonl", b'{"id": "a", "text": "one"}\n')
    assert list(read("memory://read")) == [Document("a", "one")]
    filesystem.rm("/read", recursive=True)


def test_a_file_that_is_gone_is_one_line_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"{}")
    (source,) = find_sources([str(path)]).sources
    path.unlink()
    with pytest.raises(InputError, match=r"^cannot read .*rows\.jsonl: No such file or directory; make it readable "):
        list(read_rows(source, OPTIONS))


@pytest.mark.filterwarnings("ignore")
def test_a_dataset_that_hugging_face_saved_is_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [{"id": f"d{n}", "text": f"text {n}", "tags": ["x"]} for n in range(250)]
    parts = {split: datasets.Dataset.from_list(rows[a:b]) for split, a, b in (("train", 0, 200), ("test", 200, 250))}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "dict", num_shards={"train": 2, "test": 1})
    parts["train"].save_to_disk(tmp_path / "one")
    assert [row.id for row in read(str(tmp_path / "one")) if isinstance(row, Document)] == [f"d{n}" for n in range(200)]
    found = find_sources([str(tmp_path / "dict")])
    assert ([source.name.split("/")[0] for source in found.sources], found.skipped) == (["test", "train", "train"], [])
    documents = list(read(str(tmp_path / "dict")))
    assert {row.id for row in documents if isinstance(row, Document)} == {row["id"] for row in rows}
    assert all(row.metadata == '{"tags":["x"]}' for row in documents if isinstance(row, Document))


def test_messy_documents_are_read_without_loss(shared_data: Path) -> None:
    path = shared_data / "messy.jsonl"
    with path.open(encoding="utf-8") as lines:
        expected = [json.loads(line)["text"] for line in lines]
    assert [row.text for row in read(str(path)) if isinstance(row, Document)] == expected
