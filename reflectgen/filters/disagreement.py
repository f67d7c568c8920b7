"""Reject a teacher who waves through what the guard calls unsafe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Decision, Verdict, reject


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`max_steps_milder` is how many steps (safe, controversial, unsafe) a teacher may stay below the guard.

    With 1, the default, only `safe` against the guard's `unsafe` is rejected; 0 wants a verdict at least as severe as
    the guard's. A teacher may always be more severe: a weak guard must not overrule it.
    """

    name: ClassVar[str] = "disagreement"
    max_steps_milder: int = 1

    def decide(self, candidate: Candidate) -> Decision:
        reflection, guard = candidate.reply.reflection, candidate.label.verdict
        if reflection is None or guard is Verdict.SAFE or guard is reflection.verdict:
            return ACCEPTED
        if guard.severity - reflection.verdict.severity <= self.max_steps_milder:
            return ACCEPTED
        return reject(self.name, f"the guard says {guard}, the teacher {reflection.verdict}")
