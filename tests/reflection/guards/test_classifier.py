import json

import pytest
from pydantic import ValidationError

from reflectgen.errors import RecipeError
from reflectgen.llm.completion import Completion
from reflectgen.records import Category, Verdict
from reflectgen.reflection.guards.classifier import Classifier
from reflectgen.reflection.llm_guard import LLMGuardOptions
from reflectgen.reflection.parse import UnusableReplyError


def read(classes, *probabilities, label="LABEL_0"):
    return Classifier(classes).read([Completion(json.dumps({"label": label, "probabilities": probabilities}))])


@pytest.mark.parametrize(
    ("classes", "probabilities", "verdict", "category", "score"),
    [
        (["safe", "unsafe"], [0.9, 0.1], Verdict.SAFE, Category.NONE, 0.1),
        (["safe", "unsafe"], [0.2, 0.8], Verdict.UNSAFE, Category.OTHER, 0.8),
        (["safe", "hate", "sexual_content"], [0.45, 0.35, 0.2], Verdict.UNSAFE, Category.HATE, 0.55),
        (["safe", "controversial", "unsafe"], [0.1, 0.6, 0.3], Verdict.CONTROVERSIAL, Category.OTHER, 0.9),
        (["hate", "violent_crimes"], [0.1, 0.7], Verdict.UNSAFE, Category.VIOLENT_CRIMES, 0.7),  # each by itself
        (["hate", "violent_crimes"], [0.1, 0.2], Verdict.SAFE, Category.NONE, 0.2),
    ],
)
def test_classes_mean_what_the_recipe_says(classes, probabilities, verdict, category, score):
    label = read(classes, *probabilities)
    assert (label.verdict, label.category) == (verdict, category)
    assert label.score == pytest.approx(score)
    assert label.native.startswith("LABEL_0 0.")


def test_another_number_of_classes_is_the_recipes_mistake():
    with pytest.raises(RecipeError, match="3 classes and the guard's section names 2"):
        read(["safe", "unsafe"], 0.1, 0.2, 0.7)


@pytest.mark.parametrize("classes", [[], ["safe"], ["safe", "rude"], ["none", "unsafe"]])
def test_classes_that_mean_nothing_are_refused(classes):
    with pytest.raises(RecipeError, match="needs classes"):
        Classifier(classes)


def test_what_is_no_classification_is_unusable():
    with pytest.raises(UnusableReplyError):
        Classifier(["safe", "unsafe"]).read([Completion("safe")])


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "qwen3guard", "prompt": "guard/generic"},
        {"format": "generic", "prompt": ""},
        {"format": "generic", "classes": ["safe", "unsafe"]},
        {"format": "llamaguard5"},
    ],
)
def test_options_that_do_not_fit_the_format_are_refused(wrong):
    with pytest.raises(ValidationError):
        LLMGuardOptions(model="m", **wrong)


def test_a_format_brings_its_own_prompt():
    assert LLMGuardOptions(model="m").prompt == "guard/generic"
    assert LLMGuardOptions(model="m", format="shieldgemma").prompt == "guard/shieldgemma"
    assert LLMGuardOptions(model="m", format="qwen3guard").prompt == ""
