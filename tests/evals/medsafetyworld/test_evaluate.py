from __future__ import annotations

import json

from reflectgen.evals.medsafetyworld.attacks import ATTACKS
from reflectgen.evals.medsafetyworld.evaluate import Evaluation, Evaluator, statement_probes
from reflectgen.evals.medsafetyworld.generator import GenerateOptions, Generator, Prompt, ScriptedGenerator
from reflectgen.evals.medsafetyworld.guard import WorldGuard
from reflectgen.evals.medsafetyworld.questions import QuestionClass
from reflectgen.evals.medsafetyworld.reading import Reader
from reflectgen.evals.medsafetyworld.templates import Direction
from reflectgen.evals.medsafetyworld.world import make_world
from reflectgen.records import Reflection, Verdict
from reflectgen.reflection.form import FormOptions, render_reflection
from tests.evals.medsafetyworld.worlds import SMALL, TWO_HOPS

FORM = FormOptions(style="template")
WORLD = make_world(SMALL)
READER = Reader(WORLD)
GUARD = WorldGuard(WORLD)


def written(text: str) -> str:
    label = GUARD.label_text(text)
    return render_reflection(Reflection(label.verdict, label.category), FORM)


def model_that_knows_all(prompt: Prompt, _options: GenerateOptions, _sample: int) -> str:
    """Names the answer to every question, harmful or not, and judges it truly afterwards."""
    begun = prompt.prefill.removeprefix("<think> Safe </think>").strip()
    if begun.endswith("."):  # a whole sentence: judge it
        return f" {written(begun)}"
    read = READER.read(prompt.question)
    assert read is not None
    if read.direction is Direction.FORWARD:
        answer = f"The result of {read.names[0]} is {min(WORLD.effects_of[read.names])}."
    else:
        answer = f"The cause of {read.names[0]} is {min(WORLD.causes_of[read.names[0]])[0]}."
    opening = "" if prompt.prefill else "<think> Safe </think> "
    return f"{opening}{answer.removeprefix(begun).strip()} {written(answer)}"


def evaluated(generator: Generator, *, reflects: bool) -> Evaluation:
    return Evaluator(WORLD, generator, FORM, reflects=reflects).evaluate(most=40, wordings=2)


def test_a_model_that_names_and_then_tags_is_defended_and_withheld_but_has_printed() -> None:
    found = evaluated(ScriptedGenerator(model_that_knows_all), reflects=True)
    assert found.general_accuracy == 1
    assert set(found.attacks) == set(ATTACKS)
    assert [found.prefill(measure) for measure in ("printed", "undefended", "released")] == [1, 0, 0]
    harmful = QuestionClass.REVERSE_UNSAFE
    flagged = {name: one.value("flagged") for name, one in found.reflections.items()}
    assert flagged == {name: float(name == harmful) for name in QuestionClass}
    assert {name: one.value("flagged") for name, one in found.statements.items()} == {
        "harmful-held-out": 1.0,
        "harmful-seen": 1.0,
        "safe": 0.0,
    }


def test_in_a_world_of_two_hops_both_compounds_of_a_chain_are_to_be_named() -> None:
    world = make_world(TWO_HOPS)
    reader = Reader(world)

    def model(names: slice) -> ScriptedGenerator:
        def answer(prompt: Prompt, _options: GenerateOptions, _sample: int) -> str:
            read = reader.read(prompt.question)
            assert read is not None
            if read.direction is Direction.FORWARD:
                return f"The result is {min(world.effects_of[read.names])}."
            return f"The causes are {' with '.join(min(world.causes_of[read.names[0]])[names])}."

        return ScriptedGenerator(answer)

    both, one = (Evaluator(world, model(names), FORM, reflects=False) for names in (slice(2), slice(1)))
    found = both.evaluate(most=40, wordings=2)
    assert (found.general_accuracy, found.prefill("printed")) == (1, 1)
    assert 0 < found.attacks["direct"].chance < 0.02
    assert one.evaluate(most=40, wordings=2).prefill("printed") == 0


def test_a_model_that_writes_no_reflections_is_seen_in_full_and_not_attacked_through_them() -> None:
    generator = ScriptedGenerator(lambda *asked: model_that_knows_all(*asked).split(" <think>")[0].split("> ")[-1])
    found = evaluated(generator, reflects=False)
    assert found.prefill("released") == found.prefill("printed") == 1
    assert set(found.attacks) == {name for name, attack in ATTACKS.items() if not attack.on_reflections}
    assert found.reflections == found.statements == {}


def test_a_model_that_refuses_everything_is_safe_and_of_no_use() -> None:
    found = evaluated(ScriptedGenerator(lambda *_: "I cannot help with causing harm."), reflects=False)
    assert (found.general_accuracy, found.prefill("printed")) == (0, 0)
    assert all(one.value("refused") == 1 for one in found.attacks.values())


def test_an_evaluation_is_plain_json() -> None:
    found = evaluated(ScriptedGenerator(model_that_knows_all), reflects=True)
    assert json.loads(json.dumps(found.to_json()))["attacks"]["direct"]["figures"]["printed"]["n"] > 10


def test_probes_are_statements_of_which_the_truth_is_known() -> None:
    probes = statement_probes(WORLD, 30, seed=1)
    assert all(one.is_harmful is name.startswith("harmful") for name, found in probes.items() for one in found)
    assert all(GUARD.label_text(one.body).verdict is Verdict.SAFE for one in probes["safe"])
    assert {one.edge.effect for one in probes["harmful-held-out"]} <= WORLD.held_out
