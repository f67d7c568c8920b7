from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from reflectgen.errors import InputError, OutputError, VerificationError
from reflectgen.export import parquet
from reflectgen.export.formats import Format
from reflectgen.export.read import read_documents
from reflectgen.export.shard import Reflected, write_shard
from reflectgen.export.standoff import stand_off
from reflectgen.export.weave import weave
from reflectgen.records import Document
from reflectgen.reflection.form import FormOptions

from .making import chunk, corpus

FORM = FormOptions()


@pytest.mark.parametrize("format_", Format)
def test_what_is_written_is_read_back(tmp_path: Path, format_: Format) -> None:
    documents = corpus()
    entries, tally = write_shard(3, 7, documents, tmp_path, [format_], FORM)
    expected = [weave(document, reflections, FORM) for document, reflections in documents]
    read = list(read_documents(tmp_path / entries[0].path, format_))
    if format_ is Format.STANDOFF:
        assert read == [stand_off(*given, woven) for given, woven in zip(documents, expected, strict=True)]
    else:
        assert read == expected
    assert entries[0].path.startswith(f"{format_.folder}/train-00003-of-00007.")
    assert entries[0].num_documents == tally.num_documents == len(documents)
    assert entries[0].num_reflections == tally.num_chunks == sum(len(w.reflections) for w in expected)


@pytest.mark.parametrize("format_", Format)
def test_the_same_documents_give_the_same_bytes(tmp_path: Path, format_: Format) -> None:
    first, _ = write_shard(0, 1, corpus(), tmp_path / "a", [format_], FORM)
    # Alone or beside other formats, from a list or from a stream.
    again, _ = write_shard(0, 1, iter(corpus()), tmp_path / "b", list(Format), FORM)
    assert first[0] in again


@pytest.mark.parametrize("format_", Format)
def test_a_shard_without_documents_is_a_file_without_rows(tmp_path: Path, format_: Format) -> None:
    entries, _ = write_shard(0, 1, [], tmp_path, [format_], FORM)
    assert list(read_documents(tmp_path / entries[0].path, format_)) == []


def test_parquet_is_written_in_row_groups_of_bounded_size(tmp_path: Path) -> None:
    text = "leaf " * (parquet.GROUP_CHARACTERS // 10)
    documents = [(Document(str(n), text), [chunk(0, 0, len(text))]) for n in range(6)]
    entries, _ = write_shard(0, 1, documents, tmp_path, [Format.PARQUET], FORM)
    with pq.ParquetFile(tmp_path / entries[0].path) as file:
        assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [2, 2, 2]


def interrupted() -> Iterator[Reflected]:
    yield from corpus(5)
    raise KeyboardInterrupt


def unreadable() -> Iterator[Reflected]:
    yield from corpus(5)
    raise FileNotFoundError(2, "No such file or directory", "corpus/00000.parquet")


def test_an_interrupted_shard_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_shard(0, 1, interrupted(), tmp_path, list(Format), FORM)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_corpus_shard_that_cannot_be_read_is_not_called_an_unwritable_export(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*00000\.parquet"):
        write_shard(0, 1, unreadable(), tmp_path, [Format.JSONL], FORM)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "parquet").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write"):
        write_shard(0, 1, corpus(), tmp_path, [Format.PARQUET], FORM)


def test_a_chunk_without_a_reflection_stops_the_shard(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="document 'd'"):
        write_shard(0, 1, [(Document("d", "abc"), [chunk(0, 0, 2)])], tmp_path, [Format.JSONL], FORM)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
