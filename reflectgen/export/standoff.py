"""The stand-off form: the document untouched, its reflections beside it with their offsets."""

from __future__ import annotations

from collections.abc import Sequence

from reflectgen.export.record import ChunkReflection, Replacement, StandoffDocument, StandoffReflection, WovenDocument
from reflectgen.records import Document


def stand_off(document: Document, reflections: Sequence[ChunkReflection], woven: WovenDocument) -> StandoffDocument:
    """Return the stand-off form of a document that was woven from `reflections`."""
    beside: list[StandoffReflection] = []
    num_inserted = 0
    for given, place in zip(reflections, woven.reflections, strict=True):
        beside.append(
            StandoffReflection(
                insert_at=place.start - num_inserted,
                chunk_start=given.start,
                chunk_end=given.end,
                verdict=given.verdict,
                category=given.category,
                road=given.road,
                revision=given.revision,
                provenance=given.provenance,
                rationale=given.rationale,
                written=woven.text[place.start : place.end],
            )
        )
        num_inserted += place.end - place.start
    return StandoffDocument(
        id=document.id,
        text=document.text,
        reflections=tuple(beside),
        neutralised=tuple(replacements(woven)),
        source_sha256=woven.source_sha256,
        metadata=document.metadata,
    )


def replacements(woven: WovenDocument) -> list[Replacement]:
    """Return what weaving replaced in the document itself, by offsets of its original text."""
    found = []
    num_inserted, passed = 0, 0
    for span in woven.neutralised:
        if span.in_reflection:
            continue
        while passed < len(woven.reflections) and woven.reflections[passed].end <= span.start:
            num_inserted += woven.reflections[passed].end - woven.reflections[passed].start
            passed += 1
        start, end = span.start - num_inserted, span.end - num_inserted
        found.append(Replacement(start, end, woven.text[span.start : span.end]))
    return found
