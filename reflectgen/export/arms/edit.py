"""Put something into a document, or something else in place of its chunks, and record where.

Markers that the document or a rewrite forges are neutralised as they are in a woven document, so that the only ones in
the written text are ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reflectgen.errors import VerificationError
from reflectgen.export.record import Edit, EditedDocument, EditKind, Neutralised
from reflectgen.records import Document
from reflectgen.reflection.markers import NeutralisedSpan, neutralise, restore


@dataclass(frozen=True, slots=True)
class Insertion:
    """`text`, which may hold markers of ours, goes into the document at `at`."""

    at: int
    text: str
    kind: EditKind
    provenance: str


@dataclass(frozen=True, slots=True)
class Replacing:
    """`text`, or nothing, takes the place of the document's `start` to `end`."""

    start: int
    end: int
    text: str
    kind: EditKind
    provenance: str


def insert(document: Document, insertions: Iterable[Insertion], markers: tuple[str, ...]) -> EditedDocument:
    """Return the document with `insertions`, which come in order, put into it; without them it is the document."""
    text, spans = neutralise(document.text, markers)
    pieces: list[str] = []
    edits: list[Edit] = []
    done = num_inserted = 0
    for one in insertions:
        pieces += text[done : one.at], one.text
        start = one.at + num_inserted
        edits.append(Edit(start, start + len(one.text), one.at, one.at, one.kind, one.provenance))
        done, num_inserted = one.at, num_inserted + len(one.text)
    return _edited(document, "".join((*pieces, text[done:])), list(_moved(spans, edits)), edits)


def replace(document: Document, replacings: Iterable[Replacing], markers: tuple[str, ...]) -> EditedDocument:
    """Return the document with what `replacings`, which come in order and do not overlap, put in its chunks' place.

    What they leave is neutralised only then: two ends that come together could spell a marker.
    """
    pieces: list[str] = []
    edits: list[Edit] = []
    done = length = 0
    for one in replacings:
        kept = document.text[done : one.start]
        pieces += kept, one.text
        start = length + len(kept)
        length = start + len(one.text)
        edits.append(Edit(start, length, one.start, one.end, one.kind, one.provenance))
        done = one.end
    text, spans = neutralise("".join((*pieces, document.text[done:])), markers)
    neutralised = [
        Neutralised(span.start, span.end, span.original, in_reflection=_is_within(span, edits)) for span in spans
    ]
    return _edited(document, text, neutralised, edits)


def own_text(document: EditedDocument) -> str:
    """Return what is left of the document's own words: all that was put in taken out again, stand-ins undone.

    Raises:
        VerificationError: the recorded spans do not fit the text or one another.
    """
    text = restore(document.text, document.neutralised)
    pieces, done, source_done = [], 0, 0
    for edit in document.edits:
        gap = edit.start - done
        fits = 0 <= gap == edit.source_start - source_done and edit.source_start <= edit.source_end
        if not fits or not edit.start <= edit.end <= len(text):
            raise VerificationError(f"an edit's span, {edit.start} to {edit.end}, does not fit its text")
        pieces.append(text[done : edit.start])
        done, source_done = edit.end, edit.source_end
    return "".join((*pieces, text[done:]))


def keeps_all(edits: Sequence[Edit]) -> bool:
    """Whether edits only put something in, so that the document's own words are all there."""
    return all(edit.source_start == edit.source_end for edit in edits)


def _edited(document: Document, text: str, neutralised: list[Neutralised], edits: list[Edit]) -> EditedDocument:
    sha256 = hashlib.sha256(document.text.encode()).hexdigest()
    return EditedDocument(document.id, text, (), tuple(neutralised), sha256, document.metadata, tuple(edits))


def _moved(spans: Sequence[NeutralisedSpan], edits: Sequence[Edit]) -> Iterator[Neutralised]:
    """Yield the document's stand-ins where they are after insertion."""
    passed = shift = 0
    for span in spans:
        while passed < len(edits) and edits[passed].source_start <= span.start:
            shift += edits[passed].end - edits[passed].start
            passed += 1
        yield Neutralised(span.start + shift, span.end + shift, span.original, in_reflection=False)


def _is_within(span: NeutralisedSpan, edits: Sequence[Edit]) -> bool:
    return any(edit.start <= span.start < edit.end for edit in edits)
