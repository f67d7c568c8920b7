"""Encoder classifiers behind vLLM's `/classify`: a probability a class; the recipe says what the classes mean."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from reflectgen.errors import RecipeError
from reflectgen.llm.completion import Completion
from reflectgen.llm.prompts import Prompt
from reflectgen.records import Category, Label, Verdict
from reflectgen.reflection.guards.guard_format import Question, label_of
from reflectgen.reflection.parse import UnusableReplyError

UNSAFE_FROM = 0.5
VERDICTS = {verdict.value: verdict for verdict in Verdict}


class Classified(BaseModel):
    """What `reflectgen.llm.classifier` answers with."""

    label: str
    probabilities: list[float]


class Classifier:
    """`classes` say, by number, what each class means: a verdict, or a hazard, which means unsafe.

    Raises:
        RecipeError: a name is neither, or none of them is unsafe.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        known = set(VERDICTS) | {category.value for category in Category if category is not Category.NONE}
        wrong = [name for name in classes if name not in known]
        if wrong or set(classes) <= {"safe"}:
            said = f"{wrong[0]!r} is neither a verdict nor a hazard" if wrong else "none of them is unsafe"
            raise RecipeError(
                f"the guard's format classifier needs classes, what each class of the model means by its number: {said}"
            )
        self._classes = tuple(classes)

    def questions(self, text: str, prompt: Prompt | None) -> Sequence[Question]:
        return [Question(({"role": "user", "content": text},))]

    def read(self, completions: Sequence[Completion]) -> Label:
        (completion,) = completions
        try:
            said = Classified.model_validate_json(completion.text)
        except ValidationError:
            raise UnusableReplyError("not_classified") from None
        if len(said.probabilities) != len(self._classes):
            raise RecipeError(
                f"the model has {len(said.probabilities)} classes and the guard's section names {len(self._classes)}"
            )
        chances = list(zip(self._classes, said.probabilities, strict=True))
        score, loudest = self._score(chances)
        verdict = Verdict.SAFE
        if score >= UNSAFE_FROM:
            verdict = VERDICTS.get(loudest, Verdict.UNSAFE)
        category = Category.OTHER if loudest in VERDICTS else Category(loudest)
        native = f"{said.label or loudest} " + " ".join(f"{chance:.3f}" for _, chance in chances)
        return label_of(verdict, category, score, native)

    def _score(self, chances: Sequence[tuple[str, float]]) -> tuple[float, str]:
        """Return the probability that a text is not safe, and the likeliest class that says so.

        Classes that exclude each other add up to 1, so that what is not safe is the rest; others are told apart by the
        likeliest.
        """
        chance, loudest = max((chance, name) for name, chance in chances if name != "safe")
        safe = [chance for name, chance in chances if name == "safe"]
        total = sum(chance for _, chance in chances)
        if safe and abs(total - 1) < 0.02:
            return min(max(1 - sum(safe), 0.0), 1.0), loudest
        return chance, loudest
