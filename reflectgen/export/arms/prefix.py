"""`prefix`: each verdict before its chunk and not after it, not learnt but given.

Conditional training puts a tag before each sentence (arXiv 2302.08582), MeCo metadata before each document and masks it
from the loss (ICML 2025). The prefix is the template form of the chunk's reflection, without an end of text, so
that against `srp` only the place and the mask differ; its spans are of kind PREFIX, whose loss weight is 0 unless told.
"""

from __future__ import annotations

from collections.abc import Sequence

from reflectgen.export.arms.arm import WriteShard, each
from reflectgen.export.arms.edit import Insertion, insert
from reflectgen.export.record import ChunkReflection, EditKind, WovenDocument
from reflectgen.records import Document, Reflection
from reflectgen.reflection.form import FormOptions, render_reflection


def prefix_form(form: FormOptions) -> FormOptions:
    """Return the form in which verdicts stand before their chunks."""
    return form.model_copy(update={"style": "template", "end_after_unsafe": False})


def prefix(form: FormOptions) -> WriteShard:
    verdicts = prefix_form(form)

    def write(document: Document, reflections: Sequence[ChunkReflection]) -> WovenDocument:
        insertions = (
            Insertion(one.start, _before(one, verdicts), EditKind.PREFIX, one.provenance) for one in reflections
        )
        return insert(document, insertions, form.markers)

    return each(write)


def _before(chunk: ChunkReflection, form: FormOptions) -> str:
    return render_reflection(Reflection(chunk.verdict, chunk.category), form) + form.separator
