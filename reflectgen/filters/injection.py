"""Reject a mild verdict on a chunk that speaks to its reviewer: it may be the chunk's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.filters.suspicion import suspicion
from reflectgen.records import ACCEPTED, Decision, Verdict, reject


@dataclass(frozen=True, slots=True)
class Injection:
    """On a suspicious chunk neither `safe` nor a verdict milder than the guard's is believed.

    The guard's template then stands in, since another answer of the same teacher obeys no less. So an honest article on
    such attacks loses its rationale and keeps its verdict, as long as the guard, which follows no orders, has none
    against it. A verdict at least as severe as the guard's that is not `safe` passes.
    """

    name: ClassVar[str] = "injection"

    def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None or reflection.verdict is Verdict.UNSAFE:
            return ACCEPTED
        if reflection.verdict is Verdict.CONTROVERSIAL and candidate.label.verdict is not Verdict.UNSAFE:
            return ACCEPTED
        seen = suspicion(candidate.chunk.text, candidate.chunk_word_list)
        if not seen:
            return ACCEPTED
        return reject(self.name, f"verdict {reflection.verdict} on a chunk that is suspicious: {'; '.join(seen)}")
