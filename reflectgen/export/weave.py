"""Weave reflections into a document, and take them out again by their recorded spans, never by a pattern."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from reflectgen.errors import VerificationError
from reflectgen.export.record import ChunkReflection, Neutralised, WovenDocument, WovenReflection
from reflectgen.records import Document, Reflection
from reflectgen.reflection.form import FormOptions, WrittenReflection, write_reflection
from reflectgen.reflection.markers import NeutralisedSpan, neutralise, restore


def weave(document: Document, reflections: Sequence[ChunkReflection], options: FormOptions) -> WovenDocument:
    """Insert each reflection after the last non-blank character of its chunk, or at the start of a blank chunk.

    Markers in the document and in the rationales are neutralised, so the only ones in the woven text are ours.

    Raises:
        VerificationError: the chunks do not cover the document from end to end, in order.
    """
    _check_cover(document, reflections)
    text, spans = neutralise(document.text, options.markers)
    pieces: list[str] = []
    places: list[WovenReflection] = []
    neutralised: list[Neutralised] = []
    done = num_inserted = num_moved = 0
    for given in reflections:
        at = insertion_point(text, given)
        num_moved = _move(spans, num_moved, at, num_inserted, neutralised)
        written = _written(given, options)
        start = at + num_inserted
        end = start + len(options.separator) + len(written.text)
        pieces += text[done:at], options.separator, written.text
        places.append(_place(given, start, end))
        neutralised += _within(written.neutralised, start + len(options.separator))
        done, num_inserted = at, num_inserted + end - start
    _move(spans, num_moved, len(text), num_inserted, neutralised)
    return WovenDocument(
        id=document.id,
        text="".join((*pieces, text[done:])),
        reflections=tuple(places),
        neutralised=tuple(neutralised),
        source_sha256=hashlib.sha256(document.text.encode()).hexdigest(),
        metadata=document.metadata,
    )


def unweave(text: str, reflections: Sequence[WovenReflection], neutralised: Sequence[NeutralisedSpan]) -> str:
    """Return the original text of a woven document.

    Raises:
        VerificationError: spans overlap, are out of order, or do not fit the text.
    """
    text = restore(text, neutralised)
    pieces, done = [], 0
    for reflection in reflections:
        if not done <= reflection.start <= reflection.end <= len(text):
            raise VerificationError(
                f"a reflection's span, {reflection.start} to {reflection.end}, does not fit its text"
            )
        pieces.append(text[done : reflection.start])
        done = reflection.end
    return "".join((*pieces, text[done:]))


def insertion_point(text: str, chunk: ChunkReflection) -> int:
    """Return where in the document's text a chunk's reflection goes."""
    return chunk.start + len(text[chunk.start : chunk.end].rstrip())


def _check_cover(document: Document, reflections: Sequence[ChunkReflection]) -> None:
    done = 0
    for index, chunk in enumerate(reflections):
        if chunk.index != index or chunk.start != done or chunk.end <= chunk.start:
            raise VerificationError(f"document {document.id!r} has no reflection for its chunk {index} at {done}")
        done = chunk.end
    if done != len(document.text):
        raise VerificationError(
            f"document {document.id!r} has reflections for {done} of {len(document.text)} characters"
        )


def _written(given: ChunkReflection, options: FormOptions) -> WrittenReflection:
    return write_reflection(Reflection(given.verdict, given.category, given.rationale), options)


def _place(given: ChunkReflection, start: int, end: int) -> WovenReflection:
    return WovenReflection(
        start=start,
        end=end,
        chunk_start=given.start,
        chunk_end=given.end,
        verdict=given.verdict,
        category=given.category,
        road=given.road,
        revision=given.revision,
        provenance=given.provenance,
    )


def _move(spans: list[NeutralisedSpan], first: int, before: int, shift: int, into: list[Neutralised]) -> int:
    """Add the document's spans that begin before `before`, moved by `shift`; return the first that is left."""
    while first < len(spans) and spans[first].start < before:
        span = spans[first]
        into.append(Neutralised(span.start + shift, span.end + shift, span.original, in_reflection=False))
        first += 1
    return first


def _within(spans: list[NeutralisedSpan], shift: int) -> list[Neutralised]:
    return [Neutralised(span.start + shift, span.end + shift, span.original, in_reflection=True) for span in spans]
