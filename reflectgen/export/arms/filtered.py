"""`filter` drops unsafe chunks, `filter-document` every document with one: the filtering baselines of the SRP paper.

What is dropped is recorded by its place alone: the words are what the arm is there to keep out.
"""

from __future__ import annotations

from collections.abc import Sequence

from reflectgen.export.arms.arm import WriteShard, each
from reflectgen.export.arms.edit import Replacing, replace
from reflectgen.export.arms.options import ArmOptions
from reflectgen.export.arms.raw import plain
from reflectgen.export.record import ChunkReflection, EditKind, WovenDocument
from reflectgen.records import Document
from reflectgen.reflection.form import FormOptions


def filter_chunks(form: FormOptions, options: ArmOptions) -> WriteShard:
    """Return the arm that leaves unsafe chunks out, and documents of which nothing remains."""

    def write(document: Document, reflections: Sequence[ChunkReflection]) -> WovenDocument | None:
        dropped = [one for one in reflections if options.is_unsafe(one.verdict)]
        if dropped and len(dropped) == len(reflections):
            return None
        removals = (Replacing(one.start, one.end, "", EditKind.REMOVED, one.provenance) for one in dropped)
        return replace(document, removals, form.markers)

    return each(write)


def filter_documents(form: FormOptions, options: ArmOptions) -> WriteShard:
    """Return the arm that leaves out every document with an unsafe chunk."""

    def write(document: Document, reflections: Sequence[ChunkReflection]) -> WovenDocument | None:
        is_unsafe = any(options.is_unsafe(one.verdict) for one in reflections)
        return None if is_unsafe else plain(document, form.markers)

    return each(write)
