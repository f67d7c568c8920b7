"""Any instruction model, asked by our own prompt for a JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflectgen.llm.completion import Completion
from reflectgen.llm.prompts import Prompt
from reflectgen.records import Category, Label, Verdict
from reflectgen.reflection.guards.guard_format import Question, label_of
from reflectgen.reflection.parse import Judged, read_as
from reflectgen.reflection.passage import fenced
from reflectgen.reflection.verdict_score import verdict_score

LABEL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": [verdict.value for verdict in Verdict]},
        "category": {"type": "string", "enum": [category.value for category in Category]},
    },
    "required": ["verdict", "category"],
    "additionalProperties": False,
}


class Generic:
    def questions(self, text: str, prompt: Prompt | None) -> Sequence[Question]:
        assert prompt is not None
        return [Question(prompt.render(passage=fenced(text)), LABEL_SCHEMA)]

    def read(self, completions: Sequence[Completion]) -> Label:
        (completion,) = completions
        said = read_as(Judged, completion.text, completion.finish_reason)
        native = f"{said.verdict}, {said.category}"
        return label_of(said.verdict, said.category, verdict_score(completion, said.verdict), native)
