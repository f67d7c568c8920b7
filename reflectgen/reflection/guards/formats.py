"""The formats by the name that a recipe gives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from reflectgen.reflection.guards.classifier import Classifier
from reflectgen.reflection.guards.generic import Generic
from reflectgen.reflection.guards.guard_format import GuardFormat
from reflectgen.reflection.guards.llama_guard import LlamaGuard
from reflectgen.reflection.guards.qwen3guard import Qwen3Guard
from reflectgen.reflection.guards.shieldgemma import ShieldGemma
from reflectgen.reflection.guards.wildguard import WildGuard

FormatName = Literal["generic", "qwen3guard", "llamaguard3", "llamaguard4", "shieldgemma", "wildguard", "classifier"]

FORMATS: dict[str, Callable[[], GuardFormat]] = {
    "generic": Generic,
    "qwen3guard": Qwen3Guard,
    "llamaguard3": LlamaGuard,
    "llamaguard4": LlamaGuard,
    "shieldgemma": ShieldGemma,
    "wildguard": WildGuard,
}
# The others' instructions are in their models' chat templates.
PROMPTS = {"generic": "guard/generic", "shieldgemma": "guard/shieldgemma", "wildguard": "guard/wildguard"}


def make_format(name: FormatName, classes: Sequence[str]) -> GuardFormat:
    """Return the format; `classes` are for `classifier` alone.

    Raises:
        RecipeError: the classes are not such.
    """
    return Classifier(classes) if name == "classifier" else FORMATS[name]()
