"""What goes into an export and what comes out: a chunk's reflection, and a document with its reflections woven in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reflectgen.records import Category, Road, Verdict
from reflectgen.reflection.markers import NeutralisedSpan


@dataclass(frozen=True, slots=True)
class ChunkReflection:
    """The reflection that an export pins for one chunk; `start` and `end` are the chunk's, in code points.

    `provenance` is the key of a `Provenance`.
    """

    index: int
    start: int
    end: int
    revision: int
    verdict: Verdict
    category: Category
    rationale: str
    road: Road
    provenance: str


@dataclass(frozen=True, slots=True)
class WovenReflection:
    """A reflection within a woven document.

    `text[start:end]` of the woven text is what was inserted, separator included; `chunk_start` and `chunk_end` are the
    chunk in the original text. All in code points.
    """

    start: int
    end: int
    chunk_start: int
    chunk_end: int
    verdict: Verdict
    category: Category
    road: Road
    revision: int
    provenance: str


@dataclass(frozen=True, slots=True)
class Neutralised(NeutralisedSpan):
    """A stand-in within a woven text: in the document's own words, or in a reflection's."""

    in_reflection: bool


@dataclass(frozen=True, slots=True)
class WovenDocument:
    """A document with its reflections in it. `source_sha256` is of the original text in UTF-8."""

    id: str
    text: str
    reflections: tuple[WovenReflection, ...]
    neutralised: tuple[Neutralised, ...]
    source_sha256: str
    metadata: str


class EditKind(StrEnum):
    """What an ablation arm did at one place of a document, other than to reflect."""

    PREFIX = "prefix"  # put in: a verdict before its chunk
    TAG = "tag"  # put in: a mark within unsafe text
    REMOVED = "removed"  # taken out, nothing in its place
    REWRITE = "rewrite"  # put in place of a chunk: the same, said safely
    REFUSAL = "refusal"  # in place of a chunk: a dialogue that declines
    MORAL_EDUCATION = "moral_education"  # in place of a chunk: why one would decline


@dataclass(frozen=True, slots=True)
class Edit:
    """`text[start:end]` of the written text stands in place of `source_start` to `source_end` of the original.

    The source is empty where something was only put in, the written part is where something was only taken out. All in
    code points. `provenance` is the key of who judged or wrote.
    """

    start: int
    end: int
    source_start: int
    source_end: int
    kind: EditKind
    provenance: str


@dataclass(frozen=True, slots=True)
class EditedDocument(WovenDocument):
    """A document of an arm that changes more than it reflects; its rows have one column more."""

    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class StandoffReflection:
    """A reflection beside an untouched document: `written` (separator included) belongs at `insert_at` of its text.

    Offsets in code points; `rationale` is as it was given, `written` has its forged markers neutralised.
    """

    insert_at: int
    chunk_start: int
    chunk_end: int
    verdict: Verdict
    category: Category
    road: Road
    revision: int
    provenance: str
    rationale: str
    written: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """Weaving writes `replacement` for `text[start:end]`, where a marker is forged."""

    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True)
class StandoffDocument:
    """A document as it was, with its reflections beside it."""

    id: str
    text: str
    reflections: tuple[StandoffReflection, ...]
    neutralised: tuple[Replacement, ...]
    source_sha256: str
    metadata: str
