"""The cascade: which chunks are worth a teacher's time, and whose verdict stands where guard and teacher differ."""

from __future__ import annotations

import hashlib
from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from reflectgen.records import Category, Chunk, Label, Neighbours, Reflection, Verdict

# A contextual reflection could itself say too much about these, so they get the template form only.
TEMPLATE_ONLY = frozenset({Category.CHILD_SEXUAL_EXPLOITATION, Category.INDISCRIMINATE_WEAPONS})

# A reply that was rejected for one of these reasons still says what the teacher thinks of the chunk.
SOUND_VERDICT_REASONS = frozenset(
    ("length", "copies_chunk", "pii", "language", "prompt_leak", "harmful_detail", "ungrounded", "judge")
).union(("repeated_boilerplate", "near_duplicate"))


class CascadeOptions(BaseModel, extra="forbid", frozen=True):
    """What decides who speaks about a chunk, and so is part of a recipe.

    `ask`: `all` chunks go to the teacher; `flagged`, those the guard calls not safe; `uncertain`, those whose score is
    in `band`; `sample`, the flagged ones and `share` of the safe ones. The rest get the template of the guard's label.
    `verdict`: whose stands where the two differ; `most_severe` is the more severe of the two.
    """

    ask: Literal["all", "flagged", "uncertain", "sample"] = "all"
    band: tuple[float, float] = (0.2, 0.8)
    share: float = Field(default=0.1, ge=0, le=1)
    verdict: Literal["most_severe", "teacher", "guard"] = "most_severe"

    @model_validator(mode="after")
    def _band_is_one(self) -> Self:
        low, high = self.band
        if not 0 <= low <= high <= 1:
            raise ValueError(f"band is two scores from 0 to 1, the lower first, got {low} and {high}")
        return self


def wants_teacher(chunk: Chunk, label: Label, options: CascadeOptions) -> bool:
    """Say whether the teacher is asked about `chunk`: never about nothing, nor about what should not be dwelt on."""
    if label.category in TEMPLATE_ONLY or chunk.text.isspace():
        return False
    if options.ask == "all":
        return True
    if options.ask == "uncertain":
        low, high = options.band
        return low <= label.score <= high
    if label.verdict is not Verdict.SAFE:
        return True
    return options.ask == "sample" and _draw(chunk.text) < options.share


def resolve(label: Label, said: Reflection, options: CascadeOptions) -> Reflection:
    """Return the reflection that stands, given what the teacher said; it is `said` itself unless the guard overrules.

    A rationale that argues for another verdict goes with its verdict. One for a milder step of not safe may stay.
    """
    if said.category in TEMPLATE_ONLY:
        said = Reflection(said.verdict, said.category)
    if label.verdict is said.verdict or options.verdict == "teacher":
        return said
    if options.verdict == "most_severe" and label.verdict.severity < said.verdict.severity:
        return said
    if label.verdict is Verdict.SAFE or said.verdict is Verdict.SAFE or label.category in TEMPLATE_ONLY:
        return Reflection(label.verdict, label.category)
    return Reflection(label.verdict, said.category, said.rationale, said.evidence)


def fallback(label: Label, said: Reflection | None, options: CascadeOptions) -> Reflection:
    """Return the template form for a chunk none of whose answers was accepted.

    `said` is the last one whose verdict can be believed: a weak guard must not overrule a good teacher by a fallback.
    """
    stands = resolve(label, said, options) if said else Reflection(label.verdict, label.category)
    return Reflection(stands.verdict, stands.category)


def request_key(teacher: str, attempt: int, chunk: Chunk, neighbours: Neighbours) -> bytes:
    """Return 16 bytes that are equal for equal requests: `teacher` is the key of a provenance, which names the rest."""
    parts = (teacher, str(attempt), neighbours.before, neighbours.after, chunk.text)
    # Lengths first, so that no two lists of parts are the same bytes.
    head = ",".join(str(len(part)) for part in parts)
    return hashlib.blake2b("\n".join((head, *parts)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _draw(text: str) -> float:
    """Return a number in [0, 1) that depends on the text alone: the same chunks are sampled in every run."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=b"sample").digest()
    return int.from_bytes(digest, "big") / 2**64
