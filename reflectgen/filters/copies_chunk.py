"""Reject a rationale that repeats the chunk instead of judging it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Decision, reject
from reflectgen.reflection.words import find_shared_run


@dataclass(frozen=True, slots=True)
class CopiesChunk:
    """A run of more than `max_run_words` words of the chunk, compared without case and punctuation, is a copy."""

    name: ClassVar[str] = "copies_chunk"
    max_run_words: int = 8

    def decide(self, candidate: Candidate) -> Decision:
        run = find_shared_run(candidate.rationale_words, candidate.chunk_words, self.max_run_words)
        if not run:
            return ACCEPTED
        return reject(self.name, f"more than {self.max_run_words} words of the chunk in a row")
