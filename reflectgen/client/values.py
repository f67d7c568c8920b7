"""The API's objects as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from reflectgen.records import Category, Road, Verdict

ENDED = ("completed", "cancelled", "failed")

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Corpus:
    id: str
    name: str
    num_bytes: int
    sha256: str | None
    created_at: int


@dataclass(frozen=True, slots=True)
class Job:
    """Times are seconds since 1970; `request_counts` has total, completed and failed chunks."""

    id: str
    status: str
    created_at: int
    request_counts: dict[str, int]
    ledger: dict[str, Any]
    corpus: str
    recipe: str | dict[str, Any]
    error: str | None = None
    stale_exports: tuple[str, ...] | list[str] = ()
    metadata: dict[str, str] | None = None
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    paused_at: int | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class Event:
    number: int
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StandingReflection:
    """The reflection at a chunk now, with the chunk's text."""

    id: str
    document_id: str
    start: int
    end: int
    text: str
    revision: int
    verdict: Verdict
    category: Category
    rationale: str
    evidence: str
    road: Road
    guard_verdict: Verdict
    guard_category: Category
    guard_score: float
    reviews: list[dict[str, Any]]
    teacher_verdict: str | None = None
    teacher_category: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    id: str
    status: str
    created_at: int
    completed_at: int | None
    is_stale: bool
    manifest_sha256: str | None
    files: list[dict[str, Any]]
    error: str | None = None
    formats: list[str] | None = None
    arm: str = "srp"
    tokenizer: str | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """`status` is waiting, running, done or failed; `num_steps` is None until the corpus is tokenised."""

    id: str
    status: str
    training: str
    arm: str
    created_at: int
    completed_at: int | None
    step: int
    num_steps: int | None
    loss: float | None
    error: str | None
    is_stale: bool
    manifest_sha256: str | None
    files: list[dict[str, Any]]

    @property
    def has_ended(self) -> bool:
        return self.status in ("done", "failed")


def from_answer(kind: type[Kind], said: Mapping[str, Any]) -> Kind:
    """Make a value of an answer; fields that a newer service adds are passed over."""
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    values = {name: value for name, value in said.items() if name in known}
    enums = {
        "verdict": Verdict,
        "category": Category,
        "road": Road,
        "guard_verdict": Verdict,
        "guard_category": Category,
    }
    return kind(**{name: enums[name](value) if name in enums else value for name, value in values.items()})
