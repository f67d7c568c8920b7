"""Which arm an export holds, and what decides how it is written; saved in its manifest."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from reflectgen.records import Verdict


class ArmName(StrEnum):
    SRP = "srp"
    RAW = "raw"
    RAW_MATCHED = "raw-matched"
    SRP_SHUFFLED = "srp-shuffled"
    FILTER = "filter"
    FILTER_DOCUMENT = "filter-document"
    REWRITE = "rewrite"
    REFUSE = "refuse"
    MORAL_EDUCATION = "moral-education"
    PREFIX = "prefix"
    RANDOM_TAG = "random-tag"


class ArmOptions(BaseModel, frozen=True, extra="forbid"):
    """`seed` decides every choice that chance makes. With `strict`, controversial chunks are treated as unsafe ones.

    `measure` is what `raw-matched` counts by: words, or the tokens of a tokenizer, named by its file's SHA-256.
    """

    name: ArmName = ArmName.SRP
    seed: int = Field(default=0, ge=0)
    strict: bool = False
    measure: str = "words"

    def is_unsafe(self, verdict: Verdict) -> bool:
        """Whether an arm that treats unsafe chunks treats one of this verdict."""
        return verdict is Verdict.UNSAFE or (self.strict and verdict is Verdict.CONTROVERSIAL)
