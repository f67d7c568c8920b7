"""Reject a rationale that says too little or goes on too long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Decision, reject
from reflectgen.reflection.words import count_words


@dataclass(frozen=True, slots=True)
class Length:
    """Bounds in words. Two Chinese characters, or four Thai letters, count as one word."""

    name: ClassVar[str] = "length"
    min_words: int = 3
    max_words: int = 40

    def decide(self, candidate: Candidate) -> Decision:
        if candidate.reply.reflection is None:
            return ACCEPTED
        num_words = count_words(candidate.rationale_words)
        if num_words < self.min_words:
            return reject(self.name, f"{num_words:g} words, needs {self.min_words}")
        if num_words > self.max_words:
            return reject(self.name, f"{num_words:g} words, at most {self.max_words}")
        return ACCEPTED
