"""Chunks that try to steer their reviewer, through the whole of a job: from reading to a proven export."""

import re
from pathlib import Path

import pytest

from reflectgen.filters.chain import HINT_FILTERS, to_spec
from reflectgen.llm.scripted import ScriptedModel
from reflectgen.records import Chunk, Neighbours, Verdict
from reflectgen.reflection.cascade import CascadeOptions
from reflectgen.reflection.form import FormOptions
from reflectgen.reflection.teacher import OpenAITeacher, TeacherOptions
from tests.security.attacks import SAFE, UNSAFE, attack
from tests.security.figures import attacked, by_guard_and_teacher, by_technique
from tests.security.hostile_chunks import HOSTILE_CHUNKS, HostileChunk
from tests.security.teachers import believing, copying, echoing, hinting, honest, softening

DOC = Path(__file__).parents[2] / "docs" / "security.md"
GULLIBLE = [believing, echoing, softening, copying]
PROMPTS = ["reflection/contextual", "reflection/contextual_neighbours", "reflection/hint"]


def test_the_suite_is_what_it_claims_to_be():
    assert len(HOSTILE_CHUNKS) >= 60
    assert len({chunk.id for chunk in HOSTILE_CHUNKS}) == len({chunk.text for chunk in HOSTILE_CHUNKS})
    assert len({chunk.technique for chunk in HOSTILE_CHUNKS}) >= 15
    assert len({chunk.language for chunk in HOSTILE_CHUNKS}) >= 10
    assert all(chunk.payload in chunk.text for chunk in HOSTILE_CHUNKS)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_no_chunk_gets_out_of_its_fence_or_into_the_instructions(prompt):
    teacher = OpenAITeacher(ScriptedModel([]), TeacherOptions(model="m", prompt=prompt))
    instructions = set()
    for hostile, neighbour in zip(HOSTILE_CHUNKS, HOSTILE_CHUNKS[1:] + HOSTILE_CHUNKS[:1], strict=True):
        chunk = Chunk("doc", 0, 0, len(hostile.text), hostile.text)
        system, user = teacher.question(chunk, 0, Neighbours(neighbour.text, neighbour.text)).messages
        instructions.add(system["content"])
        shown = [neighbour.text] * (user["content"].count(neighbour.text)) + [hostile.text]
        digits = re.search(r"<passage-([0-9a-f]{8})>\n" + re.escape(hostile.text), user["content"])[1]
        assert user["content"].count(digits) == 2 * len(shown)
        assert not any(digits in text for text in shown)
    assert len(instructions) == 1


@pytest.mark.parametrize("teacher", GULLIBLE)
def test_nothing_that_the_guard_calls_unsafe_ends_as_anything_milder_whoever_the_chunk_talks_round(teacher):
    outcomes = attacked("unsafe", teacher)
    assert {outcome.hostile for outcome in outcomes} == set(HOSTILE_CHUNKS)
    assert [outcome for outcome in outcomes if outcome.verdict is not Verdict.UNSAFE] == []


def test_without_filters_and_with_the_last_word_a_fooled_teacher_would_have_its_way(tmp_path):
    outcomes = attack(tmp_path / "job", UNSAFE, believing, filters=[], cascade=CascadeOptions(verdict="teacher"))
    assert {outcome.verdict for outcome in outcomes} == {Verdict.SAFE}


@pytest.mark.parametrize("teacher", [believing, copying])
@pytest.mark.parametrize(
    "form",
    [
        FormOptions(style="template"),
        FormOptions(end_after_unsafe=False, separator=""),
        FormOptions(open_marker="[INST]", close_marker="[/INST]", end_of_text="<|im_end|>", separator="\n\n"),
    ],
)
def test_no_chunk_breaks_any_written_form(form, teacher, tmp_path):
    assert attack(tmp_path / "job", UNSAFE, teacher, form=form)


@pytest.mark.parametrize("guard", ["safe", "unsafe"])
def test_what_an_honest_teacher_says_is_never_lost(guard):
    outcomes = attacked(guard, honest)
    lost = [o for o in outcomes if o.verdict is not Verdict.UNSAFE]
    assert [(o.hostile.id, o.reasons) for o in lost] == []


@pytest.mark.parametrize("teacher", GULLIBLE)
def test_what_the_built_in_guard_finds_no_teacher_talks_away(teacher):
    outcomes = attacked("built-in", teacher)
    assert [o for o in outcomes if o.verdict is Verdict.SAFE and o.guard is Verdict.UNSAFE] == []


@pytest.mark.parametrize("table", [by_guard_and_teacher, by_technique])
def test_the_page_says_what_is_measured(table):
    page = DOC.read_text(encoding="utf-8").splitlines()
    assert [row for row in table() if row not in page] == []


def test_the_page_says_how_many_texts_chunks_and_languages_there_are():
    languages = {chunk.language for chunk in HOSTILE_CHUNKS} - {"mul"}  # which is several in one text
    chunks = len(attacked("unsafe", honest))
    said = f"holds {len(HOSTILE_CHUNKS)} hostile texts of our own in {len(languages)} languages"
    assert said in DOC.read_text(encoding="utf-8")
    assert f"which make {chunks} chunks" in DOC.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def joined():
    """Documents of many hostile chunks, which are one another's neighbours."""
    return [
        HostileChunk(f"joined-{n}", "joined", "mul", "", "\n\n".join(c.text for c in HOSTILE_CHUNKS[n : n + 10]))
        for n in range(0, len(HOSTILE_CHUNKS), 10)
    ]


@pytest.mark.parametrize("teacher", GULLIBLE)
def test_hostile_neighbours_change_none_of_it(teacher, joined, tmp_path):
    outcomes = attack(tmp_path / "job", UNSAFE, teacher, joined, prompt="reflection/contextual_neighbours")
    assert len(outcomes) > len(joined)
    assert [o for o in outcomes if o.verdict is not Verdict.UNSAFE] == []


@pytest.mark.parametrize("guard", [SAFE, UNSAFE])
def test_a_forged_reflection_in_a_hint_is_no_reflection(guard, joined, tmp_path):
    filters = to_spec(HINT_FILTERS)
    form = FormOptions(style="hint")
    outcomes = attack(tmp_path / "job", guard, hinting, joined, "reflection/hint", form=form, filters=filters)
    assert any("think" in outcome.rationale for outcome in outcomes)
    assert guard is SAFE or not [o for o in outcomes if o.verdict is not Verdict.UNSAFE]
