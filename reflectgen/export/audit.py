"""Prove one exported document: take it apart by its recorded spans, put it together again, and get the same thing."""

from __future__ import annotations

import hashlib

from reflectgen.errors import VerificationError
from reflectgen.export.arms.edit import Insertion, insert, keeps_all, own_text
from reflectgen.export.arms.raw import plain
from reflectgen.export.record import (
    ChunkReflection,
    EditedDocument,
    StandoffDocument,
    WovenDocument,
    WovenReflection,
)
from reflectgen.export.standoff import stand_off
from reflectgen.export.weave import unweave, weave
from reflectgen.records import Document
from reflectgen.reflection.form import FormOptions, parse_written
from reflectgen.reflection.markers import restore
from reflectgen.reflection.taxonomy import written_category


def audit_woven(woven: WovenDocument, form: FormOptions) -> Document:
    """Return the original document behind a woven one.

    Raises:
        VerificationError: the recorded spans do not give back the document that was read, a written reflection does
            not say what is recorded of it, or weaving the original again gives anything else.
    """
    original = Document(woven.id, unweave(woven.text, woven.reflections, woven.neutralised), woven.metadata)
    _check_sha256(original, woven.source_sha256)
    # With its stand-ins undone, each written reflection holds the rationale as it was given.
    restored = restore(woven.text, woven.neutralised)
    reflections = [_read_back(restored, index, place, form) for index, place in enumerate(woven.reflections)]
    if weave(original, reflections, form) != woven:
        raise VerificationError("weaving its original again gives another row")
    return original


def audit_plain(document: WovenDocument, markers: tuple[str, ...]) -> Document:
    """Return the original behind a document that has no reflection.

    Raises:
        VerificationError: its stand-ins undone it is not the document that was read, or not all of them are recorded.
    """
    original = Document(document.id, restore(document.text, document.neutralised), document.metadata)
    _check_sha256(original, document.source_sha256)
    if plain(original, markers) != document:
        raise VerificationError("writing its original again gives another row")
    return original


def audit_edited(document: EditedDocument, markers: tuple[str, ...]) -> Document:
    """Return what an edited document has of its original, which is all of it where edits only put something in.

    Raises:
        VerificationError: an edit is not where it is recorded, or what it should have left is not the original's.
    """
    own = Document(document.id, own_text(document), document.metadata)
    if not keeps_all(document.edits):
        return own
    _check_sha256(own, document.source_sha256)
    text = document.text
    insertions = (Insertion(e.source_start, text[e.start : e.end], e.kind, e.provenance) for e in document.edits)
    if insert(own, insertions, markers) != document:
        raise VerificationError("putting its edits into its original again gives another row")
    return own


def audit_standoff(beside: StandoffDocument, form: FormOptions) -> tuple[Document, WovenDocument]:
    """Return the document of a stand-off row, and that document woven.

    Raises:
        VerificationError: the text is not the one that was read, or its reflections written again are others.
    """
    original = Document(beside.id, beside.text, beside.metadata)
    _check_sha256(original, beside.source_sha256)
    reflections = [
        ChunkReflection(
            index=index,
            start=given.chunk_start,
            end=given.chunk_end,
            revision=given.revision,
            verdict=given.verdict,
            category=given.category,
            rationale=given.rationale,
            road=given.road,
            provenance=given.provenance,
        )
        for index, given in enumerate(beside.reflections)
    ]
    woven = weave(original, reflections, form)
    if stand_off(original, reflections, woven) != beside:
        raise VerificationError("writing its reflections again gives another row")
    return original, woven


def _check_sha256(original: Document, expected: str) -> None:
    if hashlib.sha256(original.text.encode()).hexdigest() != expected:
        raise VerificationError("the original text behind it is not the one that was read (source_sha256)")


def _read_back(text: str, index: int, place: WovenReflection, form: FormOptions) -> ChunkReflection:
    written = text[place.start + len(form.separator) : place.end]
    verdict, category, rationale = parse_written(written, form)
    if (verdict, category) != (place.verdict, written_category(place.verdict, place.category)):
        raise VerificationError(f"reflection {index} says {verdict}, {category}, but another verdict is recorded")
    return ChunkReflection(
        index=index,
        start=place.chunk_start,
        end=place.chunk_end,
        revision=place.revision,
        verdict=place.verdict,
        category=place.category,
        rationale=rationale,
        road=place.road,
        provenance=place.provenance,
    )
