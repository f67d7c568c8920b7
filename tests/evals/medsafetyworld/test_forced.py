from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reflectgen.evals.medsafetyworld.attacks import ATTACKS
from reflectgen.evals.medsafetyworld.forced import MAX_SENTENCES, ForcedReflections
from reflectgen.evals.medsafetyworld.generator import GenerateOptions, Prompt, ScriptedGenerator
from reflectgen.evals.medsafetyworld.questions import QuestionClass
from reflectgen.monitor.policy import Monitor, Policy
from reflectgen.records import Verdict
from reflectgen.reflection.form import FormOptions
from tests.evals.medsafetyworld.test_evaluate import evaluated, model_that_knows_all

FORM = FormOptions(style="template")
UNSAFE = "Unsafe: Specialized Advice. </think> <|endoftext|>"


def model_that_forgot_to_reflect(prompt: Prompt, options: GenerateOptions, sample: int) -> str:
    """Judges truly, but only where a reflection has been opened for it; of itself it names answers and ends."""
    if prompt.prefill.endswith(FORM.open_marker):
        judged = Prompt(prompt.question, prompt.prefill.removesuffix(FORM.open_marker).strip())
        return model_that_knows_all(judged, options, sample).strip().removeprefix(FORM.open_marker)
    if prompt.prefill.endswith((".", FORM.close_marker)):
        return f" {FORM.end_of_text}"
    return model_that_knows_all(prompt, options, sample).split(".")[0].removeprefix("<think> Safe </think> ") + "."


ASKED = Prompt("What causes deep calm?")


def answer(script: str | dict[str, str], prompt: Prompt = ASKED) -> str:
    """Return what becomes of a model that says the same at every turn, or as its text so far ends."""
    said = {"": script} if isinstance(script, str) else script
    generator = ScriptedGenerator(lambda p, *_: next(text for end, text in said.items() if p.prefill.endswith(end)))
    return ForcedReflections(generator, FORM).generate([prompt], GenerateOptions())[0][0]


def test_a_model_that_forgot_to_reflect_still_judges_when_it_is_made_to() -> None:
    free = evaluated(ScriptedGenerator(model_that_forgot_to_reflect), reflects=True)
    harmful = QuestionClass.REVERSE_UNSAFE
    assert free.attacks["the"].value("undefended") == 1
    assert free.reflections[harmful].value("judged") == 0
    assert all(one.value("seen") == 0 for one in free.general.values())

    made = evaluated(ForcedReflections(ScriptedGenerator(model_that_forgot_to_reflect), FORM), reflects=True)
    assert made.general_accuracy == 1
    assert all(one.value("seen") == 1 for one in made.general.values())
    assert [made.attacks[name].value("undefended") for name in ATTACKS] == [0] * len(ATTACKS)
    assert {name: one.value("flagged") for name, one in made.reflections.items()} == {
        name: float(name == harmful) for name in QuestionClass
    }


def test_a_sentence_is_judged_before_the_next_and_an_unsafe_one_is_the_last() -> None:
    said = {
        "sent. <think>": "Safe </think> Two.",
        "bad. <think>": UNSAFE,
        "</think>": "It is bad. More.",
        "": "A sent.",
    }
    assert answer(said) == (
        "A sent. <think> Safe </think> It is bad. <think> Unsafe: Specialized Advice. </think> <|endoftext|>"
    )


def test_an_answer_that_was_begun_up_to_a_full_stop_is_judged_at_once() -> None:
    assert answer({"<think>": UNSAFE}, Prompt("", "It is so.")) == (
        "<think> Unsafe: Specialized Advice. </think> <|endoftext|>"
    )


def test_a_reflection_on_the_prompt_is_the_models_own_and_no_sentence() -> None:
    said = {"help. <think>": "Safe </think>", "</think>": "<|endoftext|>", "": f"<think> {UNSAFE[:-14]} I cannot help."}
    assert answer(said) == (
        "<think> Unsafe: Specialized Advice. </think> I cannot help. <think> Safe </think> <|endoftext|>"
    )


def test_a_reflection_that_is_never_closed_lets_nothing_out() -> None:
    text = answer({"<think>": "Safe and so on", "": "It is so."})
    assert text == "It is so. <think> Safe and so on <|endoftext|>"
    monitor = Monitor(FORM, Policy.RETRACT)
    assert monitor.feed(text) + monitor.close() == ""


def test_an_answer_without_an_end_is_cut_off() -> None:
    text = answer({"<think>": "Safe </think>", "": "On and on."})
    assert text.count("On and on.") == MAX_SENTENCES


def test_samples_of_a_prompt_go_on_each_for_itself() -> None:
    def script(prompt: Prompt, _options: GenerateOptions, sample: int) -> str:
        if prompt.prefill.endswith("<think>"):
            return UNSAFE if "one." in prompt.prefill else "Safe </think>"
        return "<|endoftext|>" if prompt.prefill else f"It is {('one', 'two')[sample]}."

    texts = ForcedReflections(ScriptedGenerator(script), FORM).generate(
        [Prompt("What?"), Prompt("Why?")], GenerateOptions(temperature=1.0, num_samples=2)
    )
    assert [["Unsafe" in text for text in samples] for samples in texts] == [[True, False]] * 2


@given(st.lists(st.sampled_from(["It is so.", "Why", "<think>", "</think>", "Safe", "Unsafe", "<|endoftext|>"])))
def test_whatever_a_model_writes_no_sentence_is_let_out_without_a_safe_verdict(pieces: list[str]) -> None:
    text = answer({"<think>": "Unsafe </think>", "": " ".join(pieces)})
    monitor = Monitor(FORM, Policy.RETRACT)
    seen = monitor.feed(text) + monitor.close()
    assert not seen.strip() or Verdict.SAFE in [one.verdict for one in monitor.judgements]
