"""`raw`: the documents alone. `srp`: with their reflections, as the paper has it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from reflectgen.export.arms.arm import WriteShard, each
from reflectgen.export.record import ChunkReflection, Neutralised, WovenDocument
from reflectgen.export.weave import weave
from reflectgen.records import Document
from reflectgen.reflection.form import FormOptions
from reflectgen.reflection.markers import neutralise


def raw(form: FormOptions) -> WriteShard:
    return each(lambda document, reflections: plain(document, form.markers))


def srp(form: FormOptions) -> WriteShard:
    return each(lambda document, reflections: weave(document, reflections, form))


def plain(document: Document, markers: tuple[str, ...], reflections: Sequence[ChunkReflection] = ()) -> WovenDocument:
    """Return the document without a reflection; markers in it are neutralised, as they are in every other arm."""
    text, spans = neutralise(document.text, markers)
    return WovenDocument(
        id=document.id,
        text=text,
        reflections=(),
        neutralised=tuple(Neutralised(s.start, s.end, s.original, in_reflection=False) for s in spans),
        source_sha256=hashlib.sha256(document.text.encode()).hexdigest(),
        metadata=document.metadata,
    )
