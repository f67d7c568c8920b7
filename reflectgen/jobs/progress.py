"""How far a job is, for whoever looks on. Written by the job, read by the display; nothing depends on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["reading", "reflecting", "reviewing", "exporting", "done"]


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used so far, by every role and in every run. `cost` is None where an endpoint has no price."""

    tokens: int = 0
    cost: float | None = None


@dataclass(slots=True)
class Progress:
    stage: Stage = "reading"
    ingested: bool = False  # every source was read, so that num_chunks will not grow
    num_documents: int = 0
    num_rejected_rows: int = 0
    num_chunks: int = 0  # known so far
    num_settled: int = 0  # chunks with an accepted reflection, those of earlier runs included
    num_settled_before: int = 0  # those of earlier runs
    num_replies: int = 0
    num_accepted: int = 0
    num_reused: int = 0  # answers taken over from an equal chunk
    num_not_asked: int = 0  # chunks that got the template because nobody is asked about such
    verdicts: Counter[str] = field(default_factory=Counter)
    num_exported_documents: int = 0
    spent: Callable[[], Spent] = Spent

    @property
    def num_calls_saved(self) -> int:
        """The first questions that a policy of asking about every chunk, each by itself, would have cost."""
        return self.num_reused + self.num_not_asked
