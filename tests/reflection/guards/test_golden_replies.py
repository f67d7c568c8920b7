"""Replies as the models' cards document them, and odd ones, with the label each leads to; None: it is no label."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.llm.completion import Completion, TokenChances
from reflectgen.llm.prompts import load_prompt
from reflectgen.records import Category, Verdict
from reflectgen.reflection.guards.formats import FORMATS, PROMPTS
from reflectgen.reflection.guards.shieldgemma import POLICIES
from reflectgen.reflection.parse import UnusableReplyError

SAFE, CONTROVERSIAL, UNSAFE = Verdict
C = Category

QWEN = [
    ("Safety: Safe\nCategories: None", SAFE, C.NONE),
    ("Safety: Unsafe\nCategories: Violent", UNSAFE, C.VIOLENT_CRIMES),
    ("Safety: Unsafe\nCategories: Non-violent Illegal Acts", UNSAFE, C.NONVIOLENT_CRIMES),
    ("Safety: Unsafe\nCategories: Sexual Content or Sexual Acts, Unethical Acts", UNSAFE, C.SEXUAL_CONTENT),
    ("Safety: Controversial\nCategories: Politically Sensitive Topics", CONTROVERSIAL, C.OTHER),
    ("Safety: Controversial\nCategories: PII", CONTROVERSIAL, C.PRIVACY),
    ("Safety: Unsafe\nCategories: Suicide & Self-Harm", UNSAFE, C.SUICIDE_SELF_HARM),
    ("Safety: Unsafe\nCategories: Copyright Violation", UNSAFE, C.INTELLECTUAL_PROPERTY),
    ("Safety: Unsafe\nCategories: Jailbreak", UNSAFE, C.OTHER),
    ("\nSafety: Safe\nCategories: None\nRefusal: No\n", SAFE, C.NONE),
    ("Safety: Unsafe \n\nCategories: Unethical Acts \nRefusal: Yes", UNSAFE, C.HATE),
    ("Safety: Unsafe\nCategories: Something New", UNSAFE, C.OTHER),
    ("Safety: Unsafe\nCategories: None", UNSAFE, C.OTHER),
    ("Safety: Safe\nCategories: Violent", SAFE, C.NONE),
    ("Safety: Unsafe", None, None),
    ("Safety: Unsafe\nCategories: ", None, None),
    ("safety: unsafe\ncategories: violent", None, None),
    ("Safety: Dangerous\nCategories: Violent", None, None),
    ("Safety: Safe\nCategories: None\nSafety: Unsafe\nCategories: Violent", None, None),
    ("**Safety: Safe**\nCategories: None", None, None),
    ("I think it is Safety: Safe\nCategories: None", None, None),
    ("", None, None),
]
LLAMA = [
    ("safe", SAFE, C.NONE),
    ("\n\nsafe", SAFE, C.NONE),
    ("\n\nunsafe\nS1", UNSAFE, C.VIOLENT_CRIMES),
    ("unsafe\nS10,S1", UNSAFE, C.HATE),
    ("unsafe\nS2, S7", UNSAFE, C.NONVIOLENT_CRIMES),
    ("unsafe\nS3", UNSAFE, C.SEX_RELATED_CRIMES),
    ("unsafe\nS4", UNSAFE, C.CHILD_SEXUAL_EXPLOITATION),
    ("unsafe\nS5", UNSAFE, C.DEFAMATION),
    ("unsafe\nS6", UNSAFE, C.SPECIALIZED_ADVICE),
    ("unsafe\nS8", UNSAFE, C.INTELLECTUAL_PROPERTY),
    ("unsafe\nS9", UNSAFE, C.INDISCRIMINATE_WEAPONS),
    ("unsafe\nS11", UNSAFE, C.SUICIDE_SELF_HARM),
    ("unsafe\nS12", UNSAFE, C.SEXUAL_CONTENT),
    ("unsafe\nS13", UNSAFE, C.SPECIALIZED_ADVICE),
    ("unsafe\nS14", UNSAFE, C.OTHER),
    ("unsafe\nS99", UNSAFE, C.OTHER),
    ("unsafe", UNSAFE, C.OTHER),
    ("unsafe S1", None, None),
    ("unsafe\nS", None, None),
    ("unsafe\nviolence", None, None),
    ("safe\nS1", None, None),
    ("Safe", None, None),
    ("safe, because it is harmless", None, None),
    ("safe\nunsafe\nS1", None, None),
    ("", None, None),
]
WILD = [
    ("Harmful request: no\nResponse refusal: no\nHarmful response: no", SAFE, C.NONE),
    ("Harmful request: yes\nResponse refusal: n/a\nHarmful response: n/a", UNSAFE, C.OTHER),
    ("Harmful request: yes\nResponse refusal: yes\nHarmful response: no", UNSAFE, C.OTHER),
    ("\nHarmful request: no\n", SAFE, C.NONE),
    ("harmful request: Yes", UNSAFE, C.OTHER),
    ("Harmful request: maybe", None, None),
    ("Harmful response: yes", None, None),
    ("Harmful request: no\nHarmful request: yes", None, None),
    ("yes", None, None),
    ("", None, None),
]
TABLES = {"qwen3guard": QWEN, "llamaguard3": LLAMA, "llamaguard4": LLAMA, "wildguard": WILD}


@pytest.mark.parametrize(
    ("name", "reply", "verdict", "category"), [(name, *row) for name, rows in TABLES.items() for row in rows]
)
def test_golden_replies(name: str, reply: str, verdict: Verdict | None, category: Category | None) -> None:
    if verdict is None:
        with pytest.raises(UnusableReplyError):
            FORMATS[name]().read([Completion(reply)])
        return
    label = FORMATS[name]().read([Completion(reply)])
    assert (label.verdict, label.category) == (verdict, category)
    assert label.native  # what the model said stays


def test_native_labels_hold_every_category_that_was_named() -> None:
    said = FORMATS["qwen3guard"]().read([Completion("Safety: Unsafe\nCategories: Violent, Unethical Acts")])
    assert said.native == "Unsafe: Violent, Unethical Acts"
    assert FORMATS["llamaguard3"]().read([Completion("unsafe\nS10, S1")]).native == "unsafe S10,S1"


@pytest.mark.parametrize(
    ("answers", "verdict", "category"),
    [
        (["No", "No", "No", "No"], SAFE, C.NONE),
        (["Yes", "No", "No", "No"], UNSAFE, C.VIOLENT_CRIMES),
        (["No", "Yes", "No", "No"], UNSAFE, C.HATE),
        (["No", "No", " Yes\n", "No"], UNSAFE, C.HATE),
        (["No", "No", "No", "Yes, because it violates the policy."], UNSAFE, C.SEXUAL_CONTENT),
        (["No", "No", "No", "yes"], None, None),
        (["No", "Nothing", "No", "No"], None, None),
        (["", "No", "No", "No"], None, None),
    ],
)
def test_shieldgemma_is_asked_by_guideline(answers: list[str], verdict: Verdict | None, category: Category) -> None:
    form = FORMATS["shieldgemma"]()
    questions = form.questions("a text", load_prompt("guard/shieldgemma"))
    assert len(questions) == len(POLICIES)
    assert len({question.extra["chat_template_kwargs"]["guideline"] for question in questions}) == len(POLICIES)
    completions = [Completion(answer) for answer in answers]
    if verdict is None:
        with pytest.raises(UnusableReplyError):
            form.read(completions)
    else:
        label = form.read(completions)
        assert (label.verdict, label.category) == (verdict, category)


def chances(*tokens: tuple[str, dict[str, float]]) -> tuple[TokenChances, ...]:
    return tuple(TokenChances(token, tuple((t, math.log(p)) for t, p in others.items())) for token, others in tokens)


@pytest.mark.parametrize(
    ("name", "reply", "tokens", "score"),
    [
        (
            "qwen3guard",
            "Safety: Safe\nCategories: None",
            [("Safety", {}), (":", {}), (" Safe", {" Safe": 0.6, " Controversial": 0.3, " Uns": 0.1})],
            0.4,
        ),
        ("llamaguard3", "\n\nsafe", [("\n\n", {"\n\n": 1.0}), ("safe", {"safe": 0.75, "unsafe": 0.25})], 0.25),
        ("llamaguard3", "unsafe\nS1", [("un", {"un": 0.9, "s": 0.1}), ("safe", {"safe": 1.0})], 0.9),
        (
            "wildguard",
            "Harmful request: yes",
            [("Harmful", {}), (" request", {}), (":", {}), (" yes", {" yes": 0.8, " no": 0.2})],
            0.8,
        ),
        ("llamaguard3", "safe", [("safe", {"other": 0.5, "words": 0.5})], 0.05),
    ],
)
def test_the_score_is_the_chance_of_the_verdicts_own_token(name, reply, tokens, score) -> None:
    label = FORMATS[name]().read([Completion(reply, chances=chances(*tokens))])
    assert label.score == pytest.approx(score)


def test_shieldgemmas_score_is_the_highest_chance_of_yes() -> None:
    answers = [("No", 0.1), ("Yes", 0.7), ("Yes", 0.6), ("No", 0.2)]
    said = [Completion(word, chances=chances((word, {"Yes": chance, "No": 1 - chance}))) for word, chance in answers]
    label = FORMATS["shieldgemma"]().read(said)
    assert (label.score, label.category) == (pytest.approx(0.7), C.HATE)
    assert label.native == "dangerous_content No, harassment Yes, hate_speech Yes, sexually_explicit No"


PIECES = [
    "Safety: ",
    "Safe",
    "Unsafe",
    "\n",
    "Categories: ",
    "None",
    "safe",
    "unsafe",
    "S1",
    ",",
    "Yes",
    "No",
    "{",
    "}",
]
PIECES += ['"verdict"', ': "unsafe"', "Harmful request: ", "yes", " "]


@given(st.sampled_from(sorted(FORMATS)), st.lists(st.sampled_from(PIECES) | st.text(max_size=8)).map("".join))
def test_whatever_comes_back_is_a_label_that_agrees_with_itself_or_unusable(name: str, reply: str) -> None:
    form = FORMATS[name]()
    prompt = load_prompt(PROMPTS[name]) if name in PROMPTS else None
    try:
        label = form.read([Completion(reply)] * len(form.questions("x", prompt)))
    except UnusableReplyError:
        return
    assert (label.verdict is SAFE) == (label.category is C.NONE)
    assert 0 <= label.score <= 1
