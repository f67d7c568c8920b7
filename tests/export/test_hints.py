"""The written form of hints through weaving, auditing and verifying: what holds for rationales holds for them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.export.audit import audit_standoff, audit_woven
from reflectgen.export.formats import Format
from reflectgen.export.record import ChunkReflection
from reflectgen.export.standoff import stand_off
from reflectgen.export.verify import verify_export
from reflectgen.export.weave import unweave, weave
from reflectgen.records import Document, Verdict
from reflectgen.reflection.form import FormOptions
from reflectgen.reflection.markers import find_markers

from .making import chunk, corpus, export, reflected

HINT = FormOptions(style="hint")
FORMS = st.sampled_from(
    [
        HINT,
        FormOptions(style="hint", end_after_unsafe=True, separator=""),
        FormOptions(style="hint", open_marker="[R]", close_marker="[/R]", end_of_text="</s>", separator="\n\n"),
    ]
)


def test_a_hint_stands_between_what_it_joins_and_nothing_ends_there() -> None:
    document = Document("d", "They met at dusk. It came to blows.")
    given_ = [chunk(0, 0, 18, rationale="Describe the quarrel."), chunk(1, 18, 35, Verdict.UNSAFE, "Tell who ran.")]
    assert weave(document, given_, HINT).text == (
        "They met at dusk. <think> Safe Describe the quarrel. </think> "
        "It came to blows. <think> Unsafe: Violent Crimes Tell who ran. </think>"
    )


@given(reflected(), FORMS)
def test_hostile_texts_and_hints_come_apart_again_and_prove_themselves(
    given_: tuple[Document, list[ChunkReflection]], form: FormOptions
) -> None:
    document, reflections = given_
    woven = weave(document, reflections, form)
    assert unweave(woven.text, woven.reflections, woven.neutralised) == document.text
    assert audit_woven(woven, form) == document
    assert audit_standoff(stand_off(document, reflections, woven), form) == (document, woven)


@given(reflected(), FORMS)
def test_the_only_markers_beside_hints_are_ours(
    given_: tuple[Document, list[ChunkReflection]], form: FormOptions
) -> None:
    woven = weave(*given_, form)
    num_ends = sum(form.end_after_unsafe and place.verdict is Verdict.UNSAFE for place in woven.reflections)
    assert len(find_markers(woven.text, form.markers)) == 2 * len(woven.reflections) + num_ends


@pytest.mark.parametrize("form", [HINT, FormOptions(style="hint", end_after_unsafe=True)])
def test_an_export_of_hints_verifies(form: FormOptions, tmp_path: Path) -> None:
    export(tmp_path, Format, form)
    assert verify_export(tmp_path, lambda: (document for document, _ in corpus())).problems == []
