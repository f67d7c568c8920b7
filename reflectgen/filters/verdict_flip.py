"""Reject a verdict that rests on the orders in a suspicious chunk: without them, the teacher says another one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from reflectgen.errors import RequestRejected
from reflectgen.filters.candidate import UNSCORED, Candidate
from reflectgen.filters.masking import is_all_masked, mask_imperatives
from reflectgen.filters.spec import ROLE
from reflectgen.filters.suspicion import suspicion
from reflectgen.records import ACCEPTED, Decision, Verdict, reject
from reflectgen.reflection.roles import Teacher


@dataclass(frozen=True, slots=True)
class VerdictFlip:
    """Only suspicious chunks cost a question, about the chunk with its imperative sentences masked.

    Where nothing else is left of a chunk, `safe` is rejected unasked: it can rest on nothing but the orders.
    """

    name: ClassVar[str] = "verdict_flip"
    teacher: Teacher = field(metadata=ROLE)

    async def decide(self, candidate: Candidate) -> Decision:
        chunk, said = candidate.chunk, candidate.reply.reflection
        if said is None or not suspicion(chunk.text, candidate.chunk_word_list):
            return ACCEPTED
        masked = mask_imperatives(chunk.text)
        if is_all_masked(masked):
            if said.verdict is not Verdict.SAFE:
                return ACCEPTED
            return reject(self.name, "safe, of a chunk that holds nothing but orders")
        try:
            again = await self.teacher.reflect(replace(chunk, text=masked), candidate.label, 0, candidate.neighbours)
        except RequestRejected:
            return UNSCORED
        if again.reflection is None:
            return UNSCORED
        if again.reflection.verdict is said.verdict:
            return ACCEPTED
        return reject(self.name, f"{said.verdict}, but {again.reflection.verdict} without the chunk's orders")
