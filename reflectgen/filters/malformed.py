"""Reject a reply in which no reflection was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Decision, reject


@dataclass(frozen=True, slots=True)
class Malformed:
    """The other filters accept a reply without a reflection, so that it is counted here and once."""

    name: ClassVar[str] = "malformed"

    def decide(self, candidate: Candidate) -> Decision:
        if candidate.reply.reflection is not None:
            return ACCEPTED
        return reject(self.name, candidate.reply.problem or "no reflection in the reply")
