"""Reject a rationale that repeats the chunk instead of judging it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Decision, reject
from reflectgen.reflection.words import find_shared_run, words_of


@dataclass(frozen=True, slots=True)
class CopiesChunk:
    """A run of more than `max_run_words` words of the chunk, compared without case and punctuation, is a copy.

    So is a run of the next chunk, where the teacher was shown it: a hint leads there, and must not give it away.
    """

    name: ClassVar[str] = "copies_chunk"
    max_run_words: int = 8

    def decide(self, candidate: Candidate) -> Decision:
        if find_shared_run(candidate.rationale_words, candidate.chunk_words, self.max_run_words):
            return reject(self.name, f"more than {self.max_run_words} words of the chunk in a row")
        after = candidate.neighbours.after
        if after and find_shared_run(candidate.rationale_words, words_of(after)[1], self.max_run_words):
            return reject(self.name, f"more than {self.max_run_words} words of the next chunk in a row")
        return ACCEPTED
