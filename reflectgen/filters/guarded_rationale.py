"""Reject a rationale that the guard itself would not let into a corpus."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from reflectgen.errors import RequestRejected
from reflectgen.filters.candidate import UNSCORED, Candidate
from reflectgen.filters.spec import ROLE
from reflectgen.records import ACCEPTED, Chunk, Decision, Verdict, reject
from reflectgen.reflection.roles import Guard


@dataclass(frozen=True, slots=True)
class GuardedRationale:
    """Rejected is what the guard calls unsafe with a score of at least `min_score`.

    The bar is high on purpose. A rationale names the hazard of its chunk, and a guard that reacts to words then
    hesitates: with the built-in one such rationales score up to 0.7, and unsafe text that was copied mostly above 0.9.
    """

    name: ClassVar[str] = "guarded_rationale"
    guard: Guard = field(metadata=ROLE)
    min_score: float = 0.8

    async def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None or not reflection.rationale.strip():
            return ACCEPTED
        rationale = reflection.rationale
        try:
            (label,) = await self.guard.label([Chunk(candidate.chunk.document_id, 0, 0, len(rationale), rationale)])
        except RequestRejected:
            return UNSCORED
        if label.verdict is not Verdict.UNSAFE or label.score < self.min_score:
            return ACCEPTED
        return reject(self.name, f"the guard calls it unsafe, {label.category}, with a score of {label.score:.2f}")
