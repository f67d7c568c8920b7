"""The nouns every room shares: documents, chunks, labels, reflections, decisions, provenance."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """How a text was judged, in the three steps of Qwen3Guard."""

    SAFE = "safe"
    CONTROVERSIAL = "controversial"
    UNSAFE = "unsafe"

    @property
    def severity(self) -> int:
        return _SEVERITIES[self]


_SEVERITIES = {verdict: severity for severity, verdict in enumerate(Verdict)}


class Category(StrEnum):
    """The MLCommons AILuminate v1.0 hazards, with `other` (unsafe, no hazard fits) and `none` (safe)."""

    VIOLENT_CRIMES = "violent_crimes"
    NONVIOLENT_CRIMES = "nonviolent_crimes"
    SEX_RELATED_CRIMES = "sex_related_crimes"
    CHILD_SEXUAL_EXPLOITATION = "child_sexual_exploitation"
    INDISCRIMINATE_WEAPONS = "indiscriminate_weapons"
    SUICIDE_SELF_HARM = "suicide_self_harm"
    SPECIALIZED_ADVICE = "specialized_advice"
    PRIVACY = "privacy"
    INTELLECTUAL_PROPERTY = "intellectual_property"
    DEFAMATION = "defamation"
    HATE = "hate"
    SEXUAL_CONTENT = "sexual_content"
    OTHER = "other"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Document:
    """One text of the corpus. `metadata` is the row's other fields as the text of a JSON object.

    `line` is where it stood in its source, from 1; it is no part of the document.
    """

    id: str
    text: str
    metadata: str = "{}"
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One span of a document, in code points: `text == document.text[start:end]`."""

    document_id: str
    index: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The texts of the chunks before and after one, empty at a document's ends or where a recipe does not want them."""

    before: str = ""
    after: str = ""


NO_NEIGHBOURS = Neighbours()


@dataclass(frozen=True, slots=True)
class Label:
    """A guard's opinion of one chunk; `score` is its probability, 0 to 1, that the chunk is not safe.

    `native` is the label in the guard's own words, `words` are those of the chunk that decided, strongest first. The
    tokens are those that all its calls cost; `endpoint` is the one that answered, empty for a guard in this process.
    """

    verdict: Verdict
    category: Category
    score: float
    native: str = ""
    words: tuple[str, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Reflection:
    """What is woven in after a chunk. `evidence` quotes the chunk verbatim; the template form has no rationale."""

    verdict: Verdict
    category: Category
    rationale: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A teacher's answer: the raw text, and the reflection in it, or the problem that kept it from being one.

    `endpoint` is the one that answered, empty for a teacher in this process.
    """

    text: str
    reflection: Reflection | None
    problem: str = ""
    seed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A filter's word on a reflection: accepted, or rejected with a reason and a detail for people."""

    reason: str = ""
    detail: str = ""

    @property
    def accepted(self) -> bool:
        return not self.reason


ACCEPTED = Decision()


def reject(reason: str, detail: str = "") -> Decision:
    """Reject for `reason`, a name that is counted; `detail` says what was seen."""
    return Decision(reason, detail)


class Road(StrEnum):
    """How a chunk came by its reflection."""

    TEACHER = "teacher"  # the teacher's first answer was accepted
    ASKED_AGAIN = "asked_again"  # a later answer of the teacher's was accepted
    FALLBACK = "fallback"  # no answer was accepted, the template of the guard's label stands in
    TEMPLATE = "template"  # the recipe wants the template form here, no teacher was asked
    OVERRULED = "overruled"  # the teacher answered, the guard's verdict stands, in template form
    WITHDRAWN = "withdrawn"  # an accepted answer that a filter across the whole job took back


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who wrote a reflection, and from what. `endpoint` and `code_version` are kept out of exported bytes."""

    role: str  # guard, teacher, template
    model: str
    prompt: str = ""
    prompt_sha256: str = ""
    sampling: dict[str, float | int | str] = field(default_factory=dict)
    endpoint: str = ""
    code_version: str = ""

    @property
    def key(self) -> str:
        """12 hex digits that name everything but the endpoint and the code version."""
        named = {k: v for k, v in asdict(self).items() if k not in ("endpoint", "code_version")}
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """An input row that became no document. `line` counts from 1; 0 means the file as a whole."""

    source: str
    line: int
    reason: str
    detail: str = ""
