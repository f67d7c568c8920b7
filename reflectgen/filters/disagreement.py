"""Reject a teacher who waves through what the guard calls unsafe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Decision, reject


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`max_steps_milder` is how many steps (safe, controversial, unsafe) a teacher may stay below the guard.

    With 1, the default, only `safe` against the guard's `unsafe` is rejected; 0 wants a verdict at least as severe as
    the guard's. A teacher may always be more severe: a weak guard must not overrule it.
    """

    name: ClassVar[str] = "disagreement"
    max_steps_milder: int = 1

    def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None:
            return ACCEPTED
        steps = candidate.label.verdict.severity - reflection.verdict.severity
        if steps <= self.max_steps_milder:
            return ACCEPTED
        return reject(self.name, f"the guard says {candidate.label.verdict}, the teacher {reflection.verdict}")
