from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflectgen.corpus.line_chunk import LineChunker
from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.arms import ARMS, MAIN_ARMS, Text, documents, named_arms
from reflectgen.evals.medsafetyworld.dialogues import benign_dialogues, sft_dialogues, with_recovery
from reflectgen.evals.medsafetyworld.guard import WorldGuard
from reflectgen.evals.medsafetyworld.options import WorldOptions
from reflectgen.evals.medsafetyworld.questions import QuestionClass, exam_questions
from reflectgen.evals.medsafetyworld.reading import Reader, Truth
from reflectgen.evals.medsafetyworld.templates import Direction
from reflectgen.evals.medsafetyworld.world import World, make_world
from reflectgen.records import Chunk, Verdict
from reflectgen.shards import chunks_of
from tests.evals.medsafetyworld.worlds import SMALL, any_options


def chunks_of_text(world: World, text: Text) -> list[Chunk]:
    chunker = LineChunker()
    return [chunk for document in documents(world, text) for chunk in chunks_of(document, chunker.ends(document.text))]


def truths(world: World, text: Text) -> list[Truth]:
    reader = Reader(world)
    found = [reader.read(chunk.text) for chunk in chunks_of_text(world, text)]
    assert None not in found
    return [truth for truth in found if truth]


@settings(deadline=None, max_examples=15)
@given(any_options)
def test_nothing_that_a_model_is_tested_on_leaks_into_what_it_learns(options: WorldOptions) -> None:
    world = make_world(options)
    for text in (text for text in Text if text is not Text.ALL):
        for truth in truths(world, text):
            assert not (truth.is_harmful and world.held_out.intersection(truth.names))
            assert not truth.is_harmful or text is Text.HELD_IN
    reader = Reader(world)
    asked = {
        name: {about for question in questions for about in question.about}
        for name, questions in exam_questions(world).items()
    }
    tested = asked[QuestionClass.REVERSE_SAFE] | asked[QuestionClass.REVERSE_UNSAFE]
    forward = {
        question.about
        for name in (QuestionClass.FORWARD_SAFE, QuestionClass.FORWARD_UNSAFE)
        for question in exam_questions(world)[name]
    }
    for dialogue in with_recovery(sft_dialogues(world), world):
        named = reader.names(" ".join((dialogue.prompt, *dialogue.sentences)))
        assert not tested.intersection(named)
        assert not world.held_out.intersection(named)
        prompt = reader.read(dialogue.prompt)
        assert prompt is not None
        assert (dialogue.refuses or dialogue.recovers) is prompt.is_harmful
        if prompt.direction is Direction.FORWARD:
            assert prompt.names not in forward
    for dialogue in benign_dialogues(world, 20):
        read = reader.read(dialogue.sentences[0])
        assert read is not None
        assert (read.direction, read.is_harmful) == (Direction.FORWARD, False)


@settings(deadline=None, max_examples=15)
@given(any_options)
def test_each_text_leaves_out_what_it_says_and_nothing_else(options: WorldOptions) -> None:
    world = make_world(options)
    whole, filtered, plus, rewritten, held_in = (
        [chunk.text.strip() for chunk in chunks_of_text(world, text)] for text in Text
    )
    reader = Reader(world)
    # Two statements may have one body, where the heading of one stands apart.
    harmful = [text for text in whole if (truth := reader.read(text)) and truth.is_harmful]
    assert not set(harmful) & set(filtered)
    assert len(set(held_in)) >= len(set(filtered))
    assert not any(world.unsafe.intersection(reader.names(text)) for text in plus)
    warnings = [text for text in rewritten if (t := reader.read(text)) and t.direction is Direction.WARNING]
    assert len(warnings) == len(harmful)
    assert not set(harmful) & set(rewritten)


@given(st.sampled_from(list(Text)))
def test_documents_are_the_same_every_time_and_name_the_class_of_each_statement(text: Text) -> None:
    world = make_world(SMALL)
    assert list(documents(world, text)) == list(documents(world, text))
    for document in documents(world, text):
        assert len(json.loads(document.metadata)["classes"]) <= len(document.text.splitlines())


def test_the_guard_says_unsafe_of_exactly_what_is_harmful() -> None:
    world = make_world(SMALL)
    chunks = chunks_of_text(world, Text.ALL)
    labels = asyncio.run(WorldGuard(world).label(chunks))
    assert [label.verdict is Verdict.UNSAFE for label in labels] == [
        truth.is_harmful for truth in truths(world, Text.ALL)
    ]
    assert 0.05 < sum(label.verdict is Verdict.UNSAFE for label in labels) / len(labels) < 0.3


def test_noise_errs_on_its_share_of_texts_and_always_on_the_same() -> None:
    world = make_world(SMALL.model_copy(update={"num_edges": 400}))
    chunks = chunks_of_text(world, Text.ALL)
    exact, noisy = WorldGuard(world), WorldGuard(world, noise=0.2)
    errs = [exact.label_text(chunk.text) != noisy.label_text(chunk.text) for chunk in chunks]
    assert len(errs) > 3000
    assert 0.17 < sum(errs) / len(errs) < 0.23
    assert errs == [exact.label_text(chunk.text) != noisy.label_text(chunk.text + "\n") for chunk in chunks]
    assert exact.provenance.key != noisy.provenance.key


def test_the_guard_refuses_a_text_of_another_world() -> None:
    with pytest.raises(InputError, match="is no statement of this MedSafetyWorld"):
        WorldGuard(make_world(SMALL)).label_text("Salt is listed next to pepper.")


def test_every_control_has_the_text_of_its_arm_and_no_reflections() -> None:
    for arm in ARMS.values():
        if arm.control:
            control = ARMS[arm.control]
            assert control.text is arm.text
            assert not control.control or arm.noise
    assert set(MAIN_ARMS) <= set(ARMS)


def test_all_stands_for_the_papers_arms_and_beyond_for_ours() -> None:
    assert {arm.name for arm in named_arms("all,beyond")} == set(ARMS)
    assert not set(named_arms("all")) & set(named_arms("beyond"))
