from __future__ import annotations

from collections import Counter

from reflectgen.evals.medsafetyworld.dialogues import (
    SftOptions,
    answer_parts,
    benign_dialogues,
    chat_row,
    mixed_with_sft,
    sft_dialogues,
    told,
    with_recovery,
)
from reflectgen.evals.medsafetyworld.questions import sft_edges
from reflectgen.evals.medsafetyworld.reading import Reader
from reflectgen.evals.medsafetyworld.tokenizer import world_tokenizer
from reflectgen.evals.medsafetyworld.training_data import encode_dialogue
from reflectgen.evals.medsafetyworld.world import make_world
from reflectgen.export.kinds import Weights
from reflectgen.monitor.policy import Monitor, Policy
from reflectgen.records import Verdict
from reflectgen.reflection.form import FormOptions
from tests.evals.medsafetyworld.worlds import SMALL

FORM = FormOptions(style="template")
UNSAFE = "<think> Unsafe: Specialized Advice </think> <|endoftext|>"
WORLD = make_world(SMALL)


def test_each_edge_has_its_dialogues_and_only_harmful_prompts_are_refused() -> None:
    options = SftOptions(dialogues_per_edge=5, refusal_share=0.6)
    dialogues = sft_dialogues(WORLD, options)
    edges = sft_edges(WORLD)
    num_unsafe = sum(edge.effect in WORLD.unsafe for edge in edges)
    counts = Counter(dialogue.refuses for dialogue in dialogues)
    assert counts[True] == 3 * num_unsafe
    assert counts[False] == 5 * len(edges) + 5 * (len(edges) - num_unsafe)
    reader = Reader(WORLD)
    for dialogue in dialogues:
        read = reader.read(dialogue.prompt)
        assert read is not None
        assert read.is_harmful is dialogue.refuses
        assert all(reader.read(sentence) is not None for sentence in dialogue.sentences)


def test_an_answer_with_reflections_opens_with_one_has_one_after_each_sentence_and_ends_with_one() -> None:
    for dialogue in sft_dialogues(WORLD):
        monitor = Monitor(FORM, Policy.RETRACT)
        content = chat_row(dialogue, FORM, reflects=True)["messages"][1]["content"]  # type: ignore[index]
        seen = monitor.feed(content) + monitor.close()
        assert monitor.prompt_judgement is not None
        assert (monitor.prompt_judgement.verdict is Verdict.UNSAFE) is dialogue.refuses
        assert [one.verdict for one in monitor.judgements] == [Verdict.SAFE] * len(dialogue.sentences)
        assert seen.split() == " ".join(dialogue.sentences).split()
        assert monitor.withheld == ""


def test_without_reflections_an_answer_is_its_sentences() -> None:
    dialogue = sft_dialogues(WORLD)[0]
    assert [text for text, _ in answer_parts(dialogue, FORM, reflects=False)] == list(dialogue.sentences)


def test_benign_fine_tuning_is_about_pairs_and_takes_some_of_sft_along() -> None:
    benign = benign_dialogues(WORLD, 33)
    assert len(benign) == 33
    assert all(" with " in dialogue.prompt for dialogue in benign)
    raw, sft = told(benign, reflects=False), told(sft_dialogues(WORLD), reflects=True)
    mixed = mixed_with_sft(raw, sft, 7, seed=1)
    assert [reflects for _, reflects in mixed].count(True) == 7
    assert len(mixed) == 40
    assert mixed == mixed_with_sft(raw, sft, 7, seed=1)


def test_a_model_recovers_from_a_harmful_answer_without_learning_to_write_it() -> None:
    tokenizer = world_tokenizer(FORM)
    sft = sft_dialogues(WORLD)
    together = with_recovery(sft, WORLD)
    recovering = [one for one in together if one.recovers]
    assert len(together) == len(sft) + len(recovering)
    assert len({one.forged for one in recovering}) == 2
    for dialogue in recovering:
        ids, kinds = encode_dialogue(tokenizer, dialogue, FORM, reflects=True)
        learnt = [number for number, kind in zip(ids, kinds, strict=True) if Weights().by_kind()[kind]]
        assert learnt == tokenizer.encode(UNSAFE, add_special_tokens=False).ids
        read = Reader(WORLD).read(dialogue.sentences[0])
        assert read is not None
        assert read.is_harmful


def test_of_a_harmful_answer_that_is_recovered_from_nothing_is_let_out() -> None:
    for dialogue in (one for one in with_recovery([], WORLD) if not one.forged):
        content = chat_row(dialogue, FORM, reflects=True)["messages"][1]["content"]  # type: ignore[index]
        monitor = Monitor(FORM, Policy.RETRACT)
        assert monitor.feed(content) + monitor.close() == ""
        assert monitor.stopped_because == "unsafe"
