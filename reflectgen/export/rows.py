"""Rows of an export: the dictionaries that JSON lines hold, and back from there to records."""

from __future__ import annotations

import json
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from reflectgen.errors import VerificationError
from reflectgen.export.record import (
    Edit,
    EditedDocument,
    Neutralised,
    Replacement,
    StandoffDocument,
    StandoffReflection,
    WovenDocument,
    WovenReflection,
)

Row = dict[str, Any]
Exported = TypeVar("Exported", WovenDocument, EditedDocument, StandoffDocument)

_NAMES: dict[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind))
    for kind in (WovenReflection, StandoffReflection, Neutralised, Replacement, Edit)
}
_VALUES: dict[type, attrgetter[Any]] = {kind: attrgetter(*names) for kind, names in _NAMES.items()}
_ADAPTERS: dict[type, TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (WovenDocument, EditedDocument, StandoffDocument)
}
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_row(document: WovenDocument | StandoffDocument) -> Row:
    """Return the row of a document; every format has these columns, in this order, and `edits` where there are any."""
    row: Row = {
        "id": document.id,
        "text": document.text,
        "num_reflections": len(document.reflections),
        "reflections": [_flat(reflection) for reflection in document.reflections],
        "neutralised": [_flat(span) for span in document.neutralised],
        "source_sha256": document.source_sha256,
        "metadata": document.metadata,
    }
    if isinstance(document, EditedDocument):
        row["edits"] = [_flat(edit) for edit in document.edits]
    return row


def to_line(document: WovenDocument | StandoffDocument) -> bytes:
    """Return the row as a line of JSON in UTF-8, line feed included."""
    return (_dump(to_row(document)) + "\n").encode()


def from_row(kind: type[Exported], row: Row) -> Exported:
    """Return the document of a row.

    Raises:
        VerificationError: a column is missing, is unknown, or holds what cannot be in it.
    """
    try:
        document: Exported = _ADAPTERS[kind].validate_python(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise VerificationError(f"column {where!r}: {first['msg']}") from None
    if to_row(document) != row:
        raise VerificationError("its columns are not those of this format")
    return document


def _flat(item: object) -> Row:
    kind = type(item)
    return dict(zip(_NAMES[kind], _VALUES[kind](item), strict=True))
