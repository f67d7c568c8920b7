"""The checks: filters that ask a model, after all the others and only about what these accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from reflectgen.errors import RecipeError
from reflectgen.filters.candidate import UNSCORED, Candidate, Check
from reflectgen.filters.guarded_rationale import GuardedRationale
from reflectgen.filters.judge import Judge
from reflectgen.filters.spec import build
from reflectgen.filters.verdict_flip import VerdictFlip
from reflectgen.llm.completion import ChatModel
from reflectgen.records import ACCEPTED, Decision
from reflectgen.reflection.roles import Guard, Teacher

_KINDS: dict[str, type[Check]] = {kind.name: kind for kind in (VerdictFlip, GuardedRationale, Judge)}


class Roles(Protocol):
    """Whom the checks may ask. The first of `teachers` is the one that writes; without a judge, `judge` is None."""

    @property
    def guard(self) -> Guard: ...
    @property
    def teachers(self) -> Sequence[Teacher]: ...
    @property
    def judge(self) -> ChatModel | None: ...
    @property
    def judge_model(self) -> str: ...


def checks_from_spec(spec: Iterable[Mapping[str, Any]], roles: Roles) -> tuple[Check, ...]:
    """Build the checks that a recipe names, in its order; `to_spec` writes them as it writes filters.

    Raises:
        RecipeError: an unknown check or parameter, a value it does not take, or a role that nobody has.
        PromptError: a check's prompt cannot be read.
    """
    return tuple(build("check", entry, _KINDS, **_asked(entry.get("name"), roles)) for entry in spec)


def _asked(name: object, roles: Roles) -> dict[str, Any]:
    if name == GuardedRationale.name:
        return {"guard": roles.guard}
    if name == VerdictFlip.name:
        if not roles.teachers:
            raise RecipeError(f"the check {name!r} asks the teacher, and this recipe has none")
        return {"teacher": roles.teachers[0]}
    if name == Judge.name:
        if roles.judge is None:
            raise RecipeError(f"the check {name!r} asks the judge; name one in a section [judge]")
        return {"model": roles.judge, "model_name": roles.judge_model}
    return {}


async def first_objection(candidate: Candidate, checks: Sequence[Check]) -> Decision:
    """Ask the checks in order; return the first rejection, else `UNSCORED` where one had no answer, else `ACCEPTED`.

    Raises:
        TeacherError: a model cannot be asked.
    """
    decision = ACCEPTED
    for check in checks:
        latest = await check.decide(candidate)
        if not latest.accepted:
            return latest
        if latest is UNSCORED:
            decision = UNSCORED
    return decision
