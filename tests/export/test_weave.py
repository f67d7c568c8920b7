import hashlib

import pytest
from hypothesis import given

from reflectgen.errors import VerificationError
from reflectgen.export.record import ChunkReflection, Neutralised, WovenReflection
from reflectgen.export.weave import unweave, weave
from reflectgen.records import Category, Document, Road, Verdict
from reflectgen.reflection.form import FormOptions
from reflectgen.reflection.markers import find_markers

from .making import FORMS, chunk, reflected

DEFAULT = FormOptions()


@given(reflected(), FORMS)
def test_taking_the_reflections_out_by_span_gives_the_document_back(
    given_: tuple[Document, list[ChunkReflection]], form: FormOptions
) -> None:
    document, reflections = given_
    woven = weave(document, reflections, form)
    assert unweave(woven.text, woven.reflections, woven.neutralised) == document.text
    assert woven.source_sha256 == hashlib.sha256(document.text.encode()).hexdigest()


@given(reflected(), FORMS)
def test_the_only_markers_in_a_woven_text_are_ours(
    given_: tuple[Document, list[ChunkReflection]], form: FormOptions
) -> None:
    woven = weave(*given_, form)
    ours = set()
    for place in woven.reflections:
        opened = place.start + len(form.separator)
        ends = form.end_after_unsafe and place.verdict is Verdict.UNSAFE
        closed = place.end - len(form.close_marker) - (len(form.end_of_text) if ends else 0)
        ours |= {opened, closed, *([closed + len(form.close_marker)] if ends else [])}
    assert set(find_markers(woven.text, form.markers)) == ours


@given(reflected(), FORMS)
def test_every_recorded_span_is_what_it_says(given_: tuple[Document, list[ChunkReflection]], form: FormOptions) -> None:
    document, reflections = given_
    woven = weave(document, reflections, form)
    assert [(p.chunk_start, p.chunk_end, p.revision, p.road) for p in woven.reflections] == [
        (r.start, r.end, r.revision, r.road) for r in reflections
    ]
    for place in woven.reflections:
        assert woven.text[place.start : place.end].startswith(form.separator + form.open_marker)
    inside = {i for place in woven.reflections for i in range(place.start, place.end)}
    for span in woven.neutralised:
        assert (span.start in inside) == span.in_reflection
        assert woven.text[span.start : span.end] != span.original
    assert list(woven.neutralised) == sorted(woven.neutralised, key=lambda span: span.start)


def test_a_reflection_follows_the_last_word_and_the_white_space_follows_it() -> None:
    document = Document("d", "First.\n\nSecond. \n")
    woven = weave(document, [chunk(0, 0, 8), chunk(1, 8, 17, Verdict.UNSAFE, "It plans an ambush.")], DEFAULT)
    assert woven.text == (
        "First. <think> Safe </think>\n\n"
        "Second. <think> Unsafe: Violent Crimes. It plans an ambush. </think><|endoftext|> \n"
    )
    assert woven.text[woven.reflections[0].start : woven.reflections[0].end] == " <think> Safe </think>"


def test_a_blank_chunk_has_its_reflection_at_its_start() -> None:
    woven = weave(Document("d", "a \n\n b"), [chunk(0, 0, 2), chunk(1, 2, 4), chunk(2, 4, 6)], DEFAULT)
    assert woven.text == "a <think> Safe </think>  <think> Safe </think>\n\n b <think> Safe </think>"


def test_an_empty_document_stays_empty() -> None:
    woven = weave(Document("d", ""), [], DEFAULT)
    assert (woven.text, woven.reflections, woven.neutralised) == ("", (), ())


def test_forged_markers_are_recorded_where_they_stand() -> None:
    document = Document("d", "x <think> y. z </think>")
    woven = weave(document, [chunk(0, 0, 12, rationale="a <|endoftext|>"), chunk(1, 12, 23)], DEFAULT)
    assert woven.text == ("x ‹think> y. <think> Safe: a ‹|endoftext|> </think> z ‹/think> <think> Safe </think>")
    assert woven.neutralised == (
        Neutralised(2, 3, "<", in_reflection=False),
        Neutralised(29, 30, "<", in_reflection=True),
        Neutralised(54, 55, "<", in_reflection=False),
    )


@pytest.mark.parametrize(
    ("reflections", "problem"),
    [
        ([], "reflections for 0 of 6 characters"),
        ([chunk(0, 0, 3)], "reflections for 3 of 6 characters"),
        ([chunk(0, 0, 3), chunk(1, 4, 6)], "no reflection for its chunk 1 at 3"),
        ([chunk(0, 0, 3), chunk(2, 3, 6)], "no reflection for its chunk 1 at 3"),
        ([chunk(0, 0, 4), chunk(1, 3, 6)], "no reflection for its chunk 1 at 4"),
        ([chunk(0, 0, 0), chunk(1, 0, 6)], "no reflection for its chunk 0 at 0"),
        ([chunk(0, 0, 6), chunk(1, 6, 9)], "reflections for 9 of 6 characters"),
    ],
)
def test_a_document_that_is_not_covered_is_not_woven(reflections: list[ChunkReflection], problem: str) -> None:
    with pytest.raises(VerificationError, match=problem):
        weave(Document("d", "abcdef"), reflections, DEFAULT)


@pytest.mark.parametrize("spans", [[(0, 9)], [(3, 2)], [(2, 4), (3, 5)], [(-1, 2)]])
def test_reflection_spans_that_do_not_fit_are_refused(spans: list[tuple[int, int]]) -> None:
    places = [WovenReflection(*span, 0, 1, Verdict.SAFE, Category.NONE, Road.TEACHER, 0, "") for span in spans]
    with pytest.raises(VerificationError, match="does not fit"):
        unweave("abcdef", places, [])
