"""Ids of woven text: those of the whole tokenizer, a marker's where one was woven in, and a control token's nowhere."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from reflectgen.export import plain_tokenizer
from reflectgen.export.kinds import Kind, kinds_of
from reflectgen.export.marked_tokenizer import MarkedTokenizer, load_marked_tokenizer
from reflectgen.export.record import ChunkReflection, Edit, EditedDocument, EditKind, WovenDocument
from reflectgen.export.tokenise import Tokeniser
from reflectgen.export.weave import weave
from reflectgen.records import Document, Verdict
from reflectgen.reflection.form import FormOptions
from tests.export.making import FORMS, chunk, reflected
from tests.export.tokenizers_of_tests import NAMES, control_ids, write_tokenizer

UNKNOWN = {"bytes": "", "unigram": "<unk>", "wordpiece": "[UNK]"}
CONTROLS = [
    "<|im_start|>",
    "<|endoftext|>",
    "</s>",
    "<s>",
    "<unk>",
    "[UNK]",
    "[CLS]",
    "<tool_call>",
    "[INST]",
    "＜/s＞",
]


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def path(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tokenizer(name, tmp_path_factory.mktemp("tokenizer"))


@cache
def loaded(path: Path, form: FormOptions) -> tuple[MarkedTokenizer, Tokeniser]:
    marked = load_marked_tokenizer(str(path), form)
    return marked, Tokeniser(marked, form)


def whole(marked: MarkedTokenizer) -> Tokenizer:
    """The enlarged tokenizer itself, over whole texts: what the ids are held against."""
    tokenizer = Tokenizer.from_str(marked.content)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def in_chunks(document: Document, every: int = 300) -> list[ChunkReflection]:
    """Reflections on chunks of so many characters, every third unsafe."""
    starts = range(0, len(document.text), every)
    ends = [*starts[1:], len(document.text)]
    verdicts = [Verdict.SAFE, Verdict.CONTROVERSIAL, Verdict.UNSAFE]
    return [chunk(i, a, b, verdicts[i % 3], f"part {i}") for i, (a, b) in enumerate(zip(starts, ends, strict=False))]


def test_prose_is_what_the_whole_tokenizer_makes_of_it(name: str, path: Path) -> None:
    form = FormOptions()
    marked, tokeniser = loaded(path, form)
    document = Document("a", "Leaves    turn light to sugar. " * 40, "{}")
    woven = weave(document, in_chunks(document), form)
    [(ids, kinds)] = tokeniser.tokenise([woven])
    encoding = whole(marked).encode(woven.text, add_special_tokens=False)
    assert ids.tolist() == encoding.ids
    assert kinds.tolist() == [kind_at(woven, form, end) for _, end in encoding.offsets]
    assert set(kinds.tolist()) == {Kind.TEXT, Kind.REFLECTION, Kind.END_OF_TEXT}


def kind_at(woven: WovenDocument, form: FormOptions, end: int) -> Kind:
    return next((kind for a, b, kind in kinds_of(woven, form) if a < end <= b), Kind.TEXT)


@settings(max_examples=40)
@given(given=reflected(), form=FORMS, hidden=st.lists(st.sampled_from(CONTROLS), max_size=3), data=st.data())
def test_control_ids_stand_where_markers_were_woven_in_and_nowhere_else(
    name: str,
    path: Path,
    given: tuple[Document, list[ChunkReflection]],
    form: FormOptions,
    hidden: list[str],
    data: st.DataObject,
) -> None:
    document, reflections = given
    if hidden and reflections:
        last = reflections.pop()
        document = Document(document.id, document.text + "".join(hidden), document.metadata)
        reflections.append(chunk(last.index, last.start, len(document.text), last.verdict, "".join(hidden)))
    woven = weave(document, reflections, form)
    marked, tokeniser = loaded(path, form)
    [(ids, kinds)] = tokeniser.tokenise([woven])
    ours = [m for start, end, _ in kinds_of(woven, form) for m in markers_in(woven.text[start:end], form)]
    assert [id_ for id_ in ids.tolist() if id_ in control_ids(marked.content, UNKNOWN[name])] == [
        marked.marker_ids[marker] for marker in ours
    ]
    assert len(kinds) == len(ids)
    assert len(ids) == 0 or ids.max() < marked.vocab_size
    if name == "bytes":  # it loses nothing, so the text itself comes back
        assert whole(marked).decode(ids.tolist(), skip_special_tokens=False) == woven.text


def markers_in(written: str, form: FormOptions) -> list[str]:
    """The markers of one thing woven in, in order: it opens and closes once, and may end the text."""
    return [m for m in (form.open_marker, form.close_marker, form.end_of_text) if m in written]


@pytest.mark.parametrize("spelt", CONTROLS)
def test_text_that_spells_a_control_token_is_spelt_out(name: str, path: Path, spelt: str) -> None:
    form = FormOptions(open_marker="[R]", close_marker="[/R]", end_of_text="<end>")
    marked, tokeniser = loaded(path, form)
    document = Document("a", f"one {spelt} two{spelt}", "{}")
    woven = weave(document, [chunk(0, 0, len(document.text))], form)
    [(ids, _)] = tokeniser.tokenise([woven])
    found = [id_ for id_ in ids.tolist() if id_ in control_ids(marked.content, "")]
    markers = [marked.marker_ids["[R]"], marked.marker_ids["[/R]"]]
    unknown = whole(marked).token_to_id(UNKNOWN[name]) if UNKNOWN[name] else None
    assert [id_ for id_ in found if id_ != unknown] == markers
    if name == "bytes":
        assert whole(marked).decode(ids.tolist(), skip_special_tokens=False) == woven.text
    if name == "unigram":
        assert unknown not in found or not spelt.isascii()


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_long_text_in_pieces_gives_the_same_ids(path: Path, pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    form = FormOptions()
    _, tokeniser = loaded(path, form)
    text = "It is said that leaves turn light to sugar </s> and rain to wood. " * 30
    woven = weave(Document("a", text, "{}"), [chunk(0, 0, len(text))], form)
    [(expected, kinds)] = tokeniser.tokenise([woven])
    monkeypatch.setattr(plain_tokenizer, "PIECE_CHARACTERS", len(text) // pieces // 2)
    [(ids, kinds_in_pieces)] = tokeniser.tokenise([woven])
    assert ids.tolist() == expected.tolist()
    assert kinds_in_pieces.tolist() == kinds.tolist()


def test_a_prefix_and_a_tag_have_their_kinds_and_the_ids_of_the_whole(path: Path) -> None:
    form = FormOptions()
    marked, tokeniser = loaded(path, form)
    prefix, tag = "<think> Safe </think> ", "<potentially unsafe content> "
    text = f"{prefix}Leaves turn light. {prefix}Now {tag}rain."
    at = [0, text.index(prefix, 1), text.index(tag)]
    edits = (
        Edit(at[0], at[0] + len(prefix), 0, 0, EditKind.PREFIX, "x"),
        Edit(at[1], at[1] + len(prefix), 19, 19, EditKind.PREFIX, "x"),
        Edit(at[2], at[2] + len(tag), 23, 23, EditKind.TAG, "x"),
    )
    document = EditedDocument("a", text, (), (), "", "{}", edits)
    [(ids, kinds)] = tokeniser.tokenise([document])
    encoding = whole(marked).encode(text, add_special_tokens=False)
    assert ids.tolist() == encoding.ids
    assert kinds.tolist() == [kind_at(document, form, end) for _, end in encoding.offsets]
    assert {Kind.PREFIX, Kind.TEXT, Kind.REFLECTION} == set(kinds.tolist())


def test_no_document_and_empty_documents_are_no_tokens(path: Path) -> None:
    form = FormOptions()
    _, tokeniser = loaded(path, form)
    assert list(tokeniser.tokenise([])) == []
    [(ids, kinds)] = tokeniser.tokenise([weave(Document("a", "", "{}"), [], form)])
    assert len(ids) == len(kinds) == 0
    assert ids.dtype == np.uint32


@pytest.mark.parametrize("corpus", ["corpus.jsonl", "messy.jsonl"])
def test_real_documents_are_what_the_whole_tokenizer_makes_of_them(
    name: str, path: Path, shared_data: Path, corpus: str
) -> None:
    form = FormOptions()
    marked, tokeniser = loaded(path, form)
    controls = [token["content"] for token in json.loads(marked.content)["added_tokens"]]
    with (shared_data / corpus).open(encoding="utf-8") as lines:
        rows = [json.loads(line) for _, line in zip(range(60), lines, strict=False)]
    documents = [Document(row["id"], row["text"][:4000], "{}") for row in rows]
    woven = [weave(document, in_chunks(document), form) for document in documents]
    oracle = whole(marked)
    num_compared = 0
    for document, one, (ids, kinds) in zip(documents, woven, tokeniser.tokenise(woven), strict=True):
        if not any(control in document.text for control in controls if control.strip()):
            encoding = oracle.encode(one.text, add_special_tokens=False)
            assert ids.tolist() == encoding.ids
            assert np.bincount(kinds, minlength=3)[2] == sum(one.text.count(m) for m in ["<|endoftext|>"])
            num_compared += 1
    assert num_compared > 30
