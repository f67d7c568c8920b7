"""Token shards: what is written is read back, and what is damaged is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.errors import VerificationError
from reflectgen.export.kinds import Kind, Weights
from reflectgen.export.token_shards import TokenShards, TokenShardsWriter

END = 7
DOCUMENTS = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=8)


def write(folder: Path, documents: list[list[int]], vocab_size: int = 10, num_shards: int = 1) -> Path:
    with TokenShardsWriter(folder, vocab_size=vocab_size, end_of_text_id=END, num_shards=num_shards) as writer:
        for ids in documents:
            writer.add(ids, [Kind.REFLECTION] * len(ids))
    return folder


@given(documents=DOCUMENTS, num_shards=st.integers(1, 3), data=st.data())
def test_any_range_is_read_back_across_shards(
    tmp_path_factory: pytest.TempPathFactory, documents: list[list[int]], num_shards: int, data: st.DataObject
) -> None:
    folder = write(tmp_path_factory.mktemp("shards"), documents, num_shards=num_shards)
    read = TokenShards.open(folder, verify=True)
    ended = [ids if ids[-1:] == [END] else [*ids, END] for n in range(num_shards) for ids in documents[n::num_shards]]
    expected = [id_ for ids in ended for id_ in ids]
    start = data.draw(st.integers(0, len(expected)))
    stop = data.draw(st.integers(start, len(expected)))
    assert read.tokens(start, stop).tolist() == expected[start:stop]
    assert read.document_ends.tolist() == np.cumsum([len(ids) for ids in ended], dtype=int).tolist()
    assert (read.num_documents, read.num_tokens) == (len(ended), len(expected))
    assert read.manifest.tokens_by_kind["end_of_text"] == sum(ids[-1:] != [END] for ids in documents)


def test_an_end_that_is_there_is_not_doubled_and_keeps_its_kind(tmp_path: Path) -> None:
    read = TokenShards.open(write(tmp_path, [[1, END], [], [2]]))
    assert read.tokens(0, 5).tolist() == [1, END, END, 2, END]
    assert read.kinds(0, 5).tolist() == [1, 1, 2, 1, 2]


@pytest.mark.parametrize(("vocab_size", "dtype", "width"), [(65_499, "uint16", 2), (65_500, "uint32", 4)])
def test_ids_take_two_bytes_as_long_as_they_fit(tmp_path: Path, vocab_size: int, dtype: str, width: int) -> None:
    write(tmp_path, [[vocab_size - 1]], vocab_size=vocab_size)
    read = TokenShards.open(tmp_path, verify=True)
    assert read.manifest.dtype == dtype
    assert (tmp_path / "train-00000-of-00001.tokens").stat().st_size == 2 * width
    assert read.tokens(0, 1).tolist() == [vocab_size - 1]
    assert read.tokens(0, 1).dtype == np.int64


def test_the_default_weights_are_looked_up_by_kind(tmp_path: Path) -> None:
    with TokenShardsWriter(tmp_path, vocab_size=10, end_of_text_id=END, weights=Weights(reflection=0.5)) as writer:
        writer.add([1, 2], [Kind.TEXT, Kind.REFLECTION])
    read = TokenShards.open(tmp_path)
    assert read.weights[read.kinds(0, 3)].tolist() == [1.0, 0.5, 1.0]


@pytest.mark.parametrize("ids", [[10], [-1]])
def test_an_id_beyond_the_vocabulary_is_refused_and_nothing_is_left(tmp_path: Path, ids: list[int]) -> None:
    with pytest.raises(ValueError, match="vocabulary of 10"):
        write(tmp_path, [[1], ids])
    assert not list(tmp_path.iterdir())


def test_tokens_outside_the_corpus_are_refused(tmp_path: Path) -> None:
    read = TokenShards.open(write(tmp_path, [[1, 2]]))
    with pytest.raises(IndexError, match="3 tokens"):
        read.tokens(0, 4)


@pytest.mark.parametrize("suffix", ["tokens", "kinds", "ends"])
def test_a_file_that_is_missing_or_short_is_named(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, [[1, 2]]) / f"train-00000-of-00001.{suffix}"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(VerificationError, match=rf"{suffix} has \d+ bytes instead of \d+"):
        TokenShards.open(tmp_path)
    path.unlink()
    with pytest.raises(VerificationError, match=rf"cannot read .*{suffix}"):
        TokenShards.open(tmp_path)


@pytest.mark.parametrize("suffix", ["tokens", "kinds"])
def test_a_changed_byte_is_found_when_it_is_looked_for(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, [[1, 2]]) / f"train-00000-of-00001.{suffix}"
    path.write_bytes(b"\x03" + path.read_bytes()[1:])
    TokenShards.open(tmp_path)
    with pytest.raises(VerificationError, match="SHA-256"):
        TokenShards.open(tmp_path, verify=True)


def test_ends_that_do_not_fit_are_found(tmp_path: Path) -> None:
    path = write(tmp_path, [[1, 2]]) / "train-00000-of-00001.ends"
    path.write_bytes(np.uint64(2).tobytes())
    with pytest.raises(VerificationError, match="where its documents end"):
        TokenShards.open(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version"),
        ({"format": "megatron"}, "holds megatron, not token_shards"),
        ({"num_tokens": 4}, "its shards hold others"),
        ({"end_of_text_id": 10}, "no id 10"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = write(tmp_path, [[1, 2]]) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(VerificationError, match=message) as caught:
        TokenShards.open(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_manifest_is_not_finished(tmp_path: Path) -> None:
    (write(tmp_path, [[1]]) / "manifest.json").unlink()
    with pytest.raises(VerificationError, match="not finished"):
        TokenShards.open(tmp_path)
