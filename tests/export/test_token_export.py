"""Tokenised exports: every format read back gives the tokenised woven text, whoever wrote it and however often."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.errors import InputError, RecipeError, VerificationError
from reflectgen.export.formats import Format
from reflectgen.export.kinds import Kind, Weights
from reflectgen.export.marked_tokenizer import load_marked_tokenizer
from reflectgen.export.record import WovenDocument
from reflectgen.export.token_export import Making, export_tokens
from reflectgen.export.token_shards import TokenShards
from reflectgen.export.tokenise import Tokeniser
from reflectgen.export.trainer_formats import TokenFormat, byte_weights, mask
from reflectgen.export.woven_source import WovenExport, open_woven
from reflectgen.records import Document, Verdict
from reflectgen.reflection.form import FormOptions
from tests.export.making import export
from tests.export.test_tokenise import in_chunks
from tests.export.tokenizers_of_tests import NAMES, write_tokenizer

ALL = tuple(TokenFormat)
FORGED = " <think> Safe </think><|endoftext|><|im_start|></s> and on."
Parts = list[tuple[list[int], list[int]]]


@pytest.fixture(scope="module")
def woven(tmp_path_factory: pytest.TempPathFactory) -> WovenExport:
    folder = tmp_path_factory.mktemp("woven")
    export(folder, [Format.PARQUET])
    return open_woven(folder)


@pytest.fixture(scope="module", params=["made up", "corpus.jsonl", "messy.jsonl"])
def any_woven(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> WovenExport:
    """The small corpus, real prose, and documents as the web has them; all of the real ones forge, too."""
    folder = tmp_path_factory.mktemp("any")
    documents = None
    if request.param != "made up":
        path = request.getfixturevalue("shared_data") / request.param
        with path.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in islice(lines, 40)]
        texts = [row["text"][:1500] + FORGED for row in rows]
        documents = [(one := Document(str(n), text, "{}"), in_chunks(one)) for n, text in enumerate(texts)]
    export(folder, [Format.PARQUET], documents=documents)
    return open_woven(folder)


def making_of(tokenizer: Path, weights: Weights | None = None) -> Making:
    form = FormOptions()
    return Making(load_marked_tokenizer(str(tokenizer), form), form, weights or Weights())


@pytest.fixture(scope="module", params=NAMES)
def making(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Making:
    return making_of(write_tokenizer(request.param, tmp_path_factory.mktemp("tokenizer")), Weights(text=0))


def expected(woven: WovenExport, making: Making) -> Parts:
    """Every document's ids and kinds, its end-of-text at its end."""
    tokeniser = Tokeniser(making.tokenizer, making.form)
    end = making.tokenizer.end_of_text_id
    found = []
    for source in woven.sources:
        for ids, kinds in tokeniser.tokenise(source.documents()):
            missing = [end] if not len(ids) or ids[-1] != end else []
            found.append((ids.tolist() + missing, kinds.tolist() + [Kind.END_OF_TEXT] * len(missing)))
    return found


def cut(flat: npt.NDArray[Any], ends: npt.NDArray[Any]) -> list[list[int]]:
    return [part.astype(int).tolist() for part in np.split(flat, ends.astype(int)[:-1])] if len(ends) else []


def read_megatron(prefix: Path) -> list[list[int]]:
    """Documents of an indexed dataset, by the bytes of its description alone."""
    index = prefix.with_name(prefix.name + ".idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, num_sequences, num_documents = struct.unpack_from("<QBQQ", index, 9)
    assert (version, num_documents) == (1, num_sequences + 1)
    lengths = np.frombuffer(index, "<i4", num_sequences, 34)
    starts = np.frombuffer(index, "<i8", num_sequences, 34 + 4 * num_sequences)
    ends = np.frombuffer(index, "<i8", num_documents, 34 + 12 * num_sequences)
    assert len(index) == 34 + 12 * num_sequences + 8 * num_documents
    assert ends.tolist() == list(range(num_documents))
    dtype = np.dtype({1: "<u1", 4: "<i4", 8: "<u2"}[code])
    tokens = prefix.with_name(prefix.name + ".bin").read_bytes()
    assert len(tokens) == int(lengths.sum()) * dtype.itemsize
    return [np.frombuffer(tokens, dtype, length, start).tolist() for length, start in zip(lengths, starts, strict=True)]


def files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def test_token_shards_are_the_tokenised_woven_text(any_woven: WovenExport, making: Making, tmp_path: Path) -> None:
    export_tokens(any_woven, tmp_path, [TokenFormat.TOKENS], making)
    read = TokenShards.open(tmp_path / "tokens", verify=True)
    parts = expected(any_woven, making)
    assert cut(read.tokens(0, read.num_tokens), read.document_ends) == [ids for ids, _ in parts]
    assert cut(read.kinds(0, read.num_tokens), read.document_ends) == [kinds for _, kinds in parts]
    assert read.manifest.source_manifest_sha256 == any_woven.manifest.contents_sha256
    assert read.weights.tolist() == [0, 1, 1, 0, 0]


def test_a_marker_that_a_document_forges_never_gets_its_id(
    any_woven: WovenExport, making: Making, tmp_path: Path
) -> None:
    export_tokens(any_woven, tmp_path, [TokenFormat.TOKENS], making)
    read = TokenShards.open(tmp_path / "tokens")
    known = making.tokenizer.marker_ids
    documents = [one for source in any_woven.sources for one in source.documents()]
    parts = cut(read.tokens(0, read.num_tokens), read.document_ends)
    assert len(parts) == len(documents)
    for document, ids in zip(documents, parts, strict=True):
        assert isinstance(document, WovenDocument)
        num_ended = sum(one.verdict is Verdict.UNSAFE for one in document.reflections)
        assert [ids.count(known[m]) for m in ("<think>", "</think>")] == [len(document.reflections)] * 2
        # One after each unsafe chunk, and one at the end, unless that is the last chunk's already.
        assert ids[-1] == known["<|endoftext|>"]
        assert ids.count(known["<|endoftext|>"]) - num_ended in (0, 1)


def test_megatron_is_the_tokenised_woven_text_with_weights_beside(
    any_woven: WovenExport, making: Making, tmp_path: Path
) -> None:
    export_tokens(any_woven, tmp_path, [TokenFormat.MEGATRON], making)
    folder = tmp_path / "megatron"
    prefixes = [path.with_suffix("") for path in files(folder, "*[0-9].idx")]
    parts = expected(any_woven, making)
    assert [ids for prefix in prefixes for ids in read_megatron(prefix)] == [ids for ids, _ in parts]
    weights = [of for prefix in prefixes for of in read_megatron(prefix.with_name(prefix.name + "_weights"))]
    assert weights == [[int(kind != Kind.TEXT) for kind in kinds] for _, kinds in parts]


def test_megatron_is_read_by_megatron_itself(woven: WovenExport, making: Making, tmp_path: Path) -> None:
    indexed = pytest.importorskip("megatron.core.datasets.indexed_dataset", reason="megatron-core is not installed")
    export_tokens(woven, tmp_path, [TokenFormat.MEGATRON], making)
    prefixes = [str(path.with_suffix("")) for path in files(tmp_path / "megatron", "*[0-9].idx")]

    def read(ending: str) -> list[list[int]]:
        datasets = [indexed.IndexedDataset(prefix + ending) for prefix in prefixes]
        return [document.tolist() for dataset in datasets for document in dataset]

    parts = expected(woven, making)
    assert read("") == [ids for ids, _ in parts]
    assert read("_weights") == [[int(kind != Kind.TEXT) for kind in kinds] for _, kinds in parts]


def test_datatrove_is_the_tokenised_woven_text_with_its_loss(
    any_woven: WovenExport, making: Making, tmp_path: Path
) -> None:
    export_tokens(any_woven, tmp_path, [TokenFormat.DATATROVE], making)
    parts = iter(expected(any_woven, making))
    for path in files(tmp_path / "datatrove", "*.ds"):
        ends = np.fromfile(f"{path}.index", "<u8")
        of_shard = [next(parts) for _ in ends]
        assert cut(np.fromfile(path, "<u2"), ends) == [ids for ids, _ in of_shard]
        loss = cut(np.fromfile(f"{path}.loss", bool), ends)
        assert loss == [[int(kind != Kind.TEXT) for kind in kinds] for _, kinds in of_shard]
        named, num_tokens, _ = Path(f"{path}.metadata").read_text().split("\n")
        assert (named, int(num_tokens)) == ("tokenizer|2", ends[-1])
    assert next(parts, None) is None


@pytest.mark.train  # datatrove's reader needs torch
def test_datatrove_is_read_by_datatrove_itself(woven: WovenExport, making: Making, tmp_path: Path) -> None:
    from datatrove.utils.dataset import DatatroveFolderDataset

    export_tokens(woven, tmp_path, [TokenFormat.DATATROVE], making)
    length = 16
    dataset = DatatroveFolderDataset(
        str(tmp_path / "datatrove"), length - 1, filename_pattern="*.ds", token_size=2, return_positions=True
    )
    parts = iter(expected(woven, making))
    wanted = []
    for path in files(tmp_path / "datatrove", "*.ds"):
        of_shard = [next(parts)[0] for _ in range(Path(f"{path}.index").stat().st_size // 8)]
        ids = [id_ for document in of_shard for id_ in document]
        places = [place for document in of_shard for place in range(len(document))]
        for start in range(0, len(ids) - length + 1, length):
            # A document that goes on from the window before counts from the window's start.
            at = places[start : start + length]
            begun = next((n for n, place in enumerate(at) if place == 0), length)
            wanted.append((ids[start : start + length], [*range(begun), *at[begun:]]))
    assert [(row["input_ids"].tolist(), row["positions"].tolist()) for row in dataset] == wanted


def test_olmo_is_the_tokenised_woven_text_with_mask_and_bounds(
    any_woven: WovenExport, making: Making, tmp_path: Path
) -> None:
    export_tokens(any_woven, tmp_path, [TokenFormat.OLMO], making)
    parts = iter(expected(any_woven, making))
    for path in files(tmp_path / "olmo", "*.npy"):
        lines = gzip.decompress(path.with_suffix(".csv.gz").read_bytes()).decode().splitlines()
        bounds = [(int(start), int(end)) for start, end in (line.split(",") for line in lines)]
        ids, learnt = np.fromfile(path, "<u2"), np.fromfile(path.parent / "label_mask" / path.name, bool)
        for start, end in bounds:
            wanted, kinds = next(parts)
            assert ids[start:end].tolist() == wanted
            assert learnt[start:end].tolist() == [kind != Kind.TEXT for kind in kinds]
        assert bounds[-1][1] == len(ids) == len(learnt)
    assert next(parts, None) is None


def test_a_large_vocabulary_takes_four_bytes(woven: WovenExport, tmp_path: Path) -> None:
    said = json.loads(write_tokenizer("bytes", tmp_path).read_text())
    known = said["model"]["vocab"]
    said["model"]["vocab"] = known | {f"filler{n}": len(known) + n for n in range(66_000)}
    said |= {"added_tokens": [], "post_processor": None}
    path = tmp_path / "large.json"
    path.write_text(json.dumps(said))
    making = making_of(path)
    assert making.tokenizer.marker_ids["<think>"] > 65_535
    export_tokens(woven, tmp_path, ALL, making)
    parts = [ids for ids, _ in expected(woven, making)]
    read = TokenShards.open(tmp_path / "tokens")
    assert cut(read.tokens(0, read.num_tokens), read.document_ends) == parts
    prefixes = [path.with_suffix("") for path in files(tmp_path / "megatron", "*[0-9].idx")]
    assert [ids for prefix in prefixes for ids in read_megatron(prefix)] == parts
    flat = [id_ for ids in parts for id_ in ids]
    for pattern in ("datatrove/*.ds", "olmo/*.npy"):
        assert [id_ for p in files(tmp_path, pattern) for id_ in np.fromfile(p, "<u4").tolist()] == flat
    assert files(tmp_path, "datatrove/*.metadata")[0].read_text().startswith("tokenizer|4\n")


def hashes(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_bytes_are_the_same_for_any_number_of_processes(woven: WovenExport, tmp_path: Path) -> None:
    making = making_of(write_tokenizer("bytes", tmp_path))
    for processes in (1, 3):
        export_tokens(woven, tmp_path / str(processes), ALL, making, processes)
    assert len(woven.sources) > 1
    assert hashes(tmp_path / "1") == hashes(tmp_path / "3")


@pytest.fixture
def exported(woven: WovenExport, tmp_path: Path) -> tuple[Making, Path]:
    making = making_of(write_tokenizer("bytes", tmp_path))
    export_tokens(woven, tmp_path / "out", ALL, making)
    return making, tmp_path / "out"


def times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("train-*") if path.parent.name != "records"}


def test_finished_shards_are_kept_and_others_made_again(woven: WovenExport, exported: tuple[Making, Path]) -> None:
    making, out = exported
    before, whole = times(out), hashes(out)
    lost = min((out / "megatron").glob("*.bin"))
    lost.unlink()
    (out / "olmo" / "manifest.json").unlink()
    export_tokens(woven, out, ALL, making)
    assert hashes(out) == whole
    redone = {path for path, time in times(out).items() if before[path] != time}
    assert {Path(path).name.split(".")[0].removesuffix("_weights") for path in redone} == {lost.stem}


def test_a_damaged_shard_is_made_again(woven: WovenExport, exported: tuple[Making, Path]) -> None:
    making, out = exported
    whole = hashes(out)
    path = min((out / "tokens").glob("*.tokens"))
    path.write_bytes(bytes(path.stat().st_size))
    export_tokens(woven, out, ALL, making)
    assert hashes(out) == whole


def test_other_weights_make_every_shard_again_and_leave_nothing_behind(
    woven: WovenExport, exported: tuple[Making, Path], tmp_path: Path
) -> None:
    _making, out = exported
    (out / "tokens" / "train-00000-of-00009.tokens").write_bytes(b"of an earlier export")
    (out / "tokens" / "notes.txt").write_text("not ours")
    other = making_of(write_tokenizer("bytes", tmp_path), Weights(text=0))
    export_tokens(woven, out, ALL, other)
    (out / "tokens" / "notes.txt").unlink()
    export_tokens(woven, tmp_path / "afresh", ALL, other)
    assert hashes(out) == hashes(tmp_path / "afresh")


def test_a_damaged_woven_file_is_refused_and_no_manifest_stays(tmp_path: Path) -> None:
    export(tmp_path / "export", [Format.JSONL])
    woven = open_woven(tmp_path / "export")
    making = making_of(write_tokenizer("bytes", tmp_path))
    export_tokens(woven, tmp_path, [TokenFormat.TOKENS], making)
    path = woven.sources[-1].path
    path.write_bytes(path.read_bytes() + b"\n")
    (tmp_path / "tokens" / "records").rename(tmp_path / "gone")
    with pytest.raises(VerificationError, match="not the file its manifest names"):
        export_tokens(woven, tmp_path, [TokenFormat.TOKENS], making)
    assert not (tmp_path / "tokens" / "manifest.json").exists()


def test_stand_off_documents_alone_cannot_be_tokenised(tmp_path: Path) -> None:
    export(tmp_path, [Format.STANDOFF])
    with pytest.raises(RecipeError, match="no woven documents"):
        open_woven(tmp_path)


@given(st.lists(st.floats(0, 300), min_size=5, max_size=5))
def test_byte_weights_are_nought_where_the_mask_is(given: list[float]) -> None:
    weights = Weights(text=given[0], reflection=given[1], end_of_text=given[2], prefix=given[3], prompt=given[4])
    assert (byte_weights(weights) > 0).tolist() == mask(weights).tolist()


def test_whole_weights_are_their_own_bytes_and_others_shares_of_the_greatest() -> None:
    assert byte_weights(Weights(text=1, reflection=3)).tolist() == [1, 3, 1, 0, 0]
    assert byte_weights(Weights(text=0.5, reflection=2)).tolist() == [64, 255, 128, 0, 0]


def test_a_tokenizer_that_is_none_is_said_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe")
    for name, message in [(tmp_path, "tokenizer.json"), (broken, "not a tokenizer"), (binary, "UTF-8")]:
        with pytest.raises(InputError, match=message) as caught:
            load_marked_tokenizer(str(name), FormOptions())
        assert "\n" not in str(caught.value)


def test_markers_that_are_there_are_used_again_and_others_added(tmp_path: Path) -> None:
    form = FormOptions()
    unigram = load_marked_tokenizer(str(write_tokenizer("unigram", tmp_path)), form)
    assert unigram.added == ("<|endoftext|>",)
    bytes_ = load_marked_tokenizer(str(write_tokenizer("bytes", tmp_path)), form)
    assert bytes_.added == ("<think>", "</think>")
    bytes_.save(tmp_path / "out")
    again = load_marked_tokenizer(str(tmp_path / "out" / "tokenizer"), form)
    assert (again.content, again.marker_ids, again.added) == (bytes_.content, bytes_.marker_ids, ())


@pytest.mark.train
def test_transformers_loads_the_saved_tokenizer_and_makes_the_same_ids(woven: WovenExport, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    making = making_of(write_tokenizer("unigram", tmp_path))
    making.tokenizer.save(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(str(tmp_path / "tokenizer"))
    assert tokenizer.eos_token_id == making.tokenizer.end_of_text_id
    tokeniser = Tokeniser(making.tokenizer, making.form)
    document = next(one for one in woven.sources[0].documents() if "accent" in one.text or one.reflections)
    [(ids, _)] = tokeniser.tokenise([document])
    assert tokenizer(document.text, add_special_tokens=False)["input_ids"] == ids.tolist()


def test_a_name_of_the_hub_that_cannot_be_fetched_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match="no tokenizer nobody/nothing, and transformers is not here"):
        load_marked_tokenizer("nobody/nothing", FormOptions())
