"""What a token is for: a document's own text, what was woven into it, or its end; and the loss weight of each."""

from __future__ import annotations

from enum import IntEnum

from pydantic import BaseModel, Field

from reflectgen.export.record import EditedDocument, EditKind, WovenDocument
from reflectgen.reflection.form import FormOptions

Span = tuple[int, int, "Kind"]


class Kind(IntEnum):
    """One byte a token. `PREFIX` is woven in before what it is about; `PROMPT` is a turn that is not learnt."""

    TEXT = 0
    REFLECTION = 1
    END_OF_TEXT = 2
    PREFIX = 3
    PROMPT = 4


class Weights(BaseModel, frozen=True, extra="forbid"):
    """The loss weight of a token of each kind; a mask is whether it is above 0."""

    text: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    reflection: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    end_of_text: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    prefix: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    prompt: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    def by_kind(self) -> list[float]:
        """Return the weights so that `weights.by_kind()[kind]` is a kind's."""
        return [self.text, self.reflection, self.end_of_text, self.prefix, self.prompt]


_EDIT_KINDS = {
    EditKind.PREFIX: Kind.PREFIX,
    # Learnt like a reflection: SafeLM's decoding reads how likely the model finds its tag.
    EditKind.TAG: Kind.REFLECTION,
}


def kinds_of(document: WovenDocument, form: FormOptions) -> list[Span]:
    """Return what was woven into a document: spans of `document.text` in code points, ascending, none of kind TEXT.

    A reflection's separator belongs to it; an end-of-text written after an unsafe verdict is a span of its own.
    """
    spans: list[Span] = []
    for reflection in document.reflections:
        end = reflection.end
        # Markers in rationales are neutralised, so what ends a reflection is ours.
        if form.end_after_unsafe and document.text.endswith(form.end_of_text, reflection.start, end):
            end -= len(form.end_of_text)
            spans += (reflection.start, end, Kind.REFLECTION), (end, reflection.end, Kind.END_OF_TEXT)
        else:
            spans.append((reflection.start, end, Kind.REFLECTION))
    # Documents of an ablation arm have edits or reflections, never both; what stands in a chunk's place is text.
    if isinstance(document, EditedDocument):
        spans += ((e.start, e.end, _EDIT_KINDS[e.kind]) for e in document.edits if e.kind in _EDIT_KINDS)
    return spans
