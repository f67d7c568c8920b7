"""Labelled texts, on which recipes are measured: any corpus file whose rows also say whether they are safe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reflectgen.corpus.read import ReadOptions, read_rows
from reflectgen.corpus.sources import Source, find_sources
from reflectgen.errors import InputError
from reflectgen.records import Category, Document, RejectedRow

NO_SOURCE = "(no source)"
_LABELS = {"safe": False, "unsafe": True}


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One text and what people, or whoever labelled it, say of it. `category` is None where they name no hazard.

    A look-alike is a safe text with words in common with unsafe ones; `resembles` is the hazard it looks like.
    """

    id: str
    text: str
    is_unsafe: bool
    category: Category | None
    source: str
    is_lookalike: bool = False
    resembles: Category | None = None

    @property
    def label(self) -> str:
        return "unsafe" if self.is_unsafe else "safe"


@dataclass(frozen=True, slots=True)
class Labelled:
    """What was read: `rejected` are the rows that cannot be measured on, with line and reason."""

    files: tuple[str, ...]
    rows: Sequence[LabelledRow]
    rejected: Sequence[RejectedRow]


def read_labelled(inputs: Sequence[str]) -> Labelled:
    """Read rows with the fields `text` and `label` (safe or unsafe).

    `id`, `source`, `category`, `lookalike_of` and `pair_id` may be there; a safe row with one of the last two is a
    look-alike. Bad rows are kept apart, not raised.

    Raises:
        InputError: a file cannot be read, or not one row in them is labelled.
    """
    sources, _ = find_sources(inputs)
    rows: list[LabelledRow] = []
    rejected: list[RejectedRow] = []
    for source in sources:
        for read in read_rows(source, ReadOptions()):
            row = _labelled(read, source) if isinstance(read, Document) else read
            if isinstance(row, RejectedRow):
                rejected.append(row)
            else:
                rows.append(row)
    if not rows:
        first = f" (first: line {rejected[0].line}, {rejected[0].reason} {rejected[0].detail})" if rejected else ""
        raise InputError(
            f"no labelled row in {', '.join(inputs)}{first}; rows need the fields text and label, safe or unsafe"
        )
    return Labelled(tuple(source.path for source in sources), rows, rejected)


def _labelled(document: Document, source: Source) -> LabelledRow | RejectedRow:
    fields: Mapping[str, Any] = json.loads(document.metadata)
    problem = _problem(document, fields)
    if problem:
        return RejectedRow(source.path, document.line, *problem)
    is_unsafe = _LABELS[fields["label"]]
    resembles = fields.get("lookalike_of")
    return LabelledRow(
        id=document.id,
        text=document.text,
        is_unsafe=is_unsafe,
        category=Category(fields["category"]) if is_unsafe and fields.get("category") else None,
        source=str(fields.get("source") or NO_SOURCE)[:80],
        is_lookalike=not is_unsafe and bool(resembles or fields.get("pair_id")),
        resembles=Category(resembles) if resembles and not is_unsafe else None,
    )


def _problem(document: Document, fields: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why a row cannot be measured on, as a reason and a detail."""
    if not document.text.strip():
        return "blank_text", ""
    if not isinstance(fields.get("label"), str) or fields["label"] not in _LABELS:
        return "unknown_label", f"label {_short(fields.get('label'))}"
    for name in ("category", "lookalike_of"):
        value = fields.get(name)
        if value and (not isinstance(value, str) or value not in set(Category)):
            return "unknown_category", f"{name} {_short(value)}"
    return None


def _short(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, default=str)[:60]
