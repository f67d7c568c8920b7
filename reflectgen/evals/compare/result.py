"""What one recipe did with the labelled rows, before anything is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reflectgen.records import Category, Label, Reflection, Road, Verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a teacher: the verdict in it, if there was one, and why it was rejected; empty: accepted."""

    said: Reflection | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RowResult:
    """One labelled row's way through a recipe. `grounding` is 0 to 1, None where there is no rationale."""

    guard: Label
    answers: tuple[Answer, ...]
    verdict: Verdict
    category: Category
    road: Road
    rationale: str = ""
    num_words: float = 0.0
    grounding: float | None = None

    @property
    def said(self) -> Reflection | None:
        """The teacher's last word that could be read, accepted or not."""
        return next((answer.said for answer in reversed(self.answers) if answer.said), None)


@dataclass(frozen=True, slots=True)
class Used:
    """What one endpoint did for one role. `cost` is None where it has no price."""

    role: str
    endpoint: str
    num_calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class RecipeRun:
    """A recipe and its results, one a labelled row, in the rows' order."""

    name: str
    guard: str
    teachers: tuple[str, ...]
    policy: str  # which chunks the teacher is asked about, and whose verdict stands
    results: Sequence[RowResult]
    used: tuple[Used, ...] = ()
    seconds: float = 0.0
