"""Reject what a judge, a model that grades reflections, finds wanting."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, Field, StrictInt

from reflectgen.errors import RequestRejected
from reflectgen.filters.candidate import UNSCORED, Candidate
from reflectgen.filters.spec import ROLE
from reflectgen.llm.completion import ChatModel, CompletionRequest
from reflectgen.llm.prompts import Prompt, load_prompt
from reflectgen.records import ACCEPTED, Decision, Reflection, reject
from reflectgen.reflection.parse import UnusableReplyError, read_as
from reflectgen.reflection.passage import fenced_each

PROMPT = "judge/reflection"
_MAX_TOKENS = 200  # of an answer; about 40 are used
_LOWEST, _HIGHEST = 1, 5


class Grades(BaseModel, extra="forbid", frozen=True):
    """A judge's answer, and nothing but it: five grades from 1 (bad) to 5 (good)."""

    grounded: StrictInt = Field(ge=_LOWEST, le=_HIGHEST)
    verdict: StrictInt = Field(ge=_LOWEST, le=_HIGHEST)
    detail: StrictInt = Field(ge=_LOWEST, le=_HIGHEST)
    tone: StrictInt = Field(ge=_LOWEST, le=_HIGHEST)
    address: StrictInt = Field(ge=_LOWEST, le=_HIGHEST)


_GRADE = {"type": "integer", "minimum": _LOWEST, "maximum": _HIGHEST}
GRADES_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": dict.fromkeys(Grades.model_fields, _GRADE),
    "required": [*Grades.model_fields],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Judge:
    """Every grade must be at least `min_grade`, 1 to 5. An answer that cannot be read is unscored, and accepted.

    Raises:
        ValueError: `min_grade` is no grade.
        PromptError: the prompt cannot be read.
    """

    name: ClassVar[str] = "judge"
    model: ChatModel = field(metadata=ROLE)
    model_name: str = field(metadata=ROLE)
    min_grade: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if not _LOWEST <= self.min_grade <= _HIGHEST:
            raise ValueError(f"min_grade is a grade from {_LOWEST} to {_HIGHEST}, not {self.min_grade}")
        judge_prompt()

    async def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None or not reflection.rationale.strip():
            return ACCEPTED
        try:
            completion = await self.model.complete(self._question(candidate.chunk.text, reflection))
            grades = read_as(Grades, completion.text, completion.finish_reason)
        except (RequestRejected, UnusableReplyError):
            return UNSCORED
        low = [f"{name} {grade}" for name, grade in grades.model_dump().items() if grade < self.min_grade]
        return reject(self.name, f"{', '.join(low)} of {_HIGHEST}") if low else ACCEPTED

    def _question(self, passage: str, reflection: Reflection) -> CompletionRequest:
        category = "" if reflection.category == "none" else f" ({reflection.category})"
        remark = f"{reflection.verdict}{category}\n{reflection.rationale}"
        return CompletionRequest(
            messages=judge_prompt().render(**fenced_each(passage=passage, remark=remark)),
            model=self.model_name,
            seed=self.seed,
            temperature=0.0,
            max_tokens=_MAX_TOKENS,
            json_schema=GRADES_SCHEMA,
        )


@cache
def judge_prompt() -> Prompt:
    """Return the judge's prompt; its hash belongs into the provenance of what the judge let pass."""
    return load_prompt(PROMPT)
