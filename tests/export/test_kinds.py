"""Kinds of what was woven in, by span."""

from __future__ import annotations

from reflectgen.export.kinds import Kind, Weights, kinds_of
from reflectgen.export.record import Edit, EditedDocument, EditKind
from reflectgen.export.weave import weave
from reflectgen.records import Document, Verdict
from reflectgen.reflection.form import FormOptions
from tests.export.making import chunk


def test_a_reflection_is_a_span_with_its_separator_and_an_end_of_text_one_of_its_own() -> None:
    document = Document("a", "Leaves turn light to sugar. He plans an ambush.", "{}")
    given = [chunk(0, 0, 28), chunk(1, 28, 47, Verdict.UNSAFE, "It ends as <|endoftext|>")]
    woven = weave(document, given, FormOptions())
    found = [(woven.text[start:end], kind) for start, end, kind in kinds_of(woven, FormOptions())]
    assert found == [
        (" <think> Safe </think>", Kind.REFLECTION),
        (" <think> Unsafe: Violent Crimes. It ends as ‹|endoftext|> </think>", Kind.REFLECTION),
        ("<|endoftext|>", Kind.END_OF_TEXT),
    ]


def test_a_prefix_is_one_a_tag_is_learnt_like_a_reflection_and_what_replaces_a_chunk_is_text() -> None:
    kinds = (EditKind.PREFIX, EditKind.TAG, EditKind.REWRITE, EditKind.REMOVED)
    edits = tuple(Edit(2 * place, 2 * place + 2, place, place, kind, "x") for place, kind in enumerate(kinds))
    document = EditedDocument("a", "P T good", (), (), "", "{}", edits)
    assert kinds_of(document, FormOptions()) == [(0, 2, Kind.PREFIX), (2, 4, Kind.REFLECTION)]


def test_every_kind_has_its_weight_at_its_own_place() -> None:
    weights = Weights(text=0.5, reflection=2, end_of_text=3).by_kind()
    assert len(weights) == len(Kind)
    assert [weights[kind] for kind in (Kind.TEXT, Kind.REFLECTION, Kind.END_OF_TEXT)] == [0.5, 2, 3]
    assert weights[Kind.PREFIX] == weights[Kind.PROMPT] == 0
