"""Reject a quotation that is not in the chunk, and a verdict against a text that quotes nothing from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Decision, Verdict, reject
from reflectgen.reflection.words import join_words, split_words

_ELLIPSIS = re.compile(r"\[?(?:\.\s?\.\s?\.[.\s]*|…)\]?")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Quotations are compared by their words: case, spaces, quotation marks and punctuation do not matter.

    An ellipsis inside the quotation may leave words out, never change their order.
    """

    name: ClassVar[str] = "evidence"

    def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None:
            return ACCEPTED
        quote = reflection.evidence.strip()
        if not quote:
            if reflection.verdict is Verdict.SAFE:
                return ACCEPTED
            return reject(self.name, f"verdict {reflection.verdict} without a quotation from the chunk")
        # The exact quotation first: it is the usual case, and the only test for one without a word in it.
        if quote in candidate.chunk.text or _stands_in(quote, candidate.chunk_words):
            return ACCEPTED
        return reject(self.name, "the quotation is not in the chunk")


def _stands_in(quote: str, chunk_words: str) -> bool:
    """Say whether the quotation's pieces, cut at ellipses, stand in the chunk one behind another."""
    pieces = [words for words in map(split_words, _ELLIPSIS.split(quote)) if words]
    position = 0
    for words in pieces:
        piece = join_words(words)
        found = chunk_words.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece) - 1
    return bool(pieces)
