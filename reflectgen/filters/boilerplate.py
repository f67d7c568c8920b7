"""Reject a rationale that a job keeps repeating whatever the text.

This filter looks across a job, so it is no part of the chain that judges one reply: a final pass in corpus order counts
how many earlier chunks of different text carry the same key, and asks `RepeatedBoilerplate` about each.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from reflectgen.records import ACCEPTED, Decision, reject
from reflectgen.reflection.words import words_of


def boilerplate_key(rationale: str) -> bytes:
    """Return 16 bytes that are equal for rationales with the same words, whatever their case and punctuation."""
    normalised = words_of(rationale)[1].strip() or rationale.strip()
    return hashlib.blake2b(normalised.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class RepeatedBoilerplate:
    """One rationale may serve `max_repeats` chunks of different text; each further one is rejected."""

    name: ClassVar[str] = "repeated_boilerplate"
    max_repeats: int = 20

    def decide(self, num_earlier: int) -> Decision:
        """Decide on a rationale that `num_earlier` accepted chunks of different text had before it."""
        if num_earlier < self.max_repeats:
            return ACCEPTED
        return reject(self.name, f"the same rationale as on {num_earlier} earlier chunks")
