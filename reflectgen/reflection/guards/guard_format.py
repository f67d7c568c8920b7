"""What a format is: the questions it asks about a text, and the label that it reads from the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from reflectgen.llm.completion import Completion, Message
from reflectgen.llm.prompts import Prompt
from reflectgen.records import Category, Label, Verdict
from reflectgen.reflection.taxonomy import written_category


@dataclass(frozen=True, slots=True)
class Question:
    """What a guard is asked; seed, temperature and the length of the answer are the recipe's."""

    messages: tuple[Message, ...]
    json_schema: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class GuardFormat(Protocol):
    """One family's way. A format holds nothing of a chunk and nothing of a server."""

    def questions(self, text: str, prompt: Prompt | None) -> Sequence[Question]:
        """Return the questions about `text`, one at least; `prompt` is None where the server's template holds it."""
        ...

    def read(self, completions: Sequence[Completion]) -> Label:
        """Return the label that the answers, one a question, say; its category agrees with its verdict.

        Raises:
            UnusableReplyError: they are not in the family's form.
        """
        ...


def label_of(verdict: Verdict, category: Category, score: float, native: str) -> Label:
    """Return the label, its category in agreement with the verdict, which decides."""
    return Label(verdict, written_category(verdict, category), score, native)
