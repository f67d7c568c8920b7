"""From one row, as a mapping of fields, to a document, or to the reason why it is none."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, Field

from reflectgen.records import Document


class RejectReason(StrEnum):
    BROKEN_JSON = "broken_json"
    NOT_AN_OBJECT = "not_an_object"
    NO_TEXT = "no_text"  # the text field is missing or null
    WRONG_TYPE = "wrong_type"  # the text is no string, or the id is a list or an object
    UNDECODABLE = "undecodable"  # not UTF-8, or with lone surrogates
    TOO_LARGE = "too_large"
    UNREADABLE_FILE = "unreadable_file"  # the rest of a file that is corrupt or cut off
    NO_TURNS = "no_turns"  # of a conversation: there is no list of turns
    BAD_TURN = "bad_turn"  # a turn of an unknown role, or without words
    NO_ANSWER = "no_answer"  # nothing to learn from: no turn of the assistant's


class ReadOptions(BaseModel, extra="forbid", frozen=True):
    """How rows become documents; a document larger than `max_document_bytes` of UTF-8 is rejected.

    `rows` says what a row is: a text, or a conversation (`corpus.chat`).
    """

    text_field: str = "text"
    id_field: str = "id"
    max_document_bytes: int = Field(default=10_000_000, ge=1)
    # Left out of the dump unless it says something, so that jobs begun before there were conversations go on.
    rows: Literal["text", "chat"] = Field(default="text", exclude_if=lambda rows: rows == "text")


CONTENT_ID = "sha256:"  # what a document's name begins with that has none of its own

_KINDS: dict[type, str] = {
    int: "a number",
    float: "a number",
    list: "a list",
    tuple: "a list",
    type(None): "null",
    bool: "a boolean",
    dict: "an object",
    str: "a string",
}


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a row became no document; `detail` is at most 200 characters and never the whole row."""

    reason: RejectReason
    detail: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", _printable(self.detail)[:200])


def document_from(row: Mapping[str, Any], options: ReadOptions) -> Document | Rejection:
    """Make a document of a row's fields; without an id of its own it gets the hash of its text.

    All other fields become its metadata, as compact JSON: dates in ISO form, bytes in base64, what JSON has no
    number for (NaN, infinity) as null, and anything else that JSON does not know as text.
    """
    if options.rows == "chat":
        from reflectgen.corpus.chat import conversation_from

        try:
            return conversation_from(row, options)
        except RecursionError:
            return Rejection(RejectReason.BROKEN_JSON, "nested too deeply")
    text = row.get(options.text_field)
    if text is None:
        return _no_text(row, options.text_field)
    if not isinstance(text, str):
        return Rejection(RejectReason.WRONG_TYPE, f"field {options.text_field!r} is {kind_of(text)}, not a string")
    try:
        utf8 = text.encode()
    except UnicodeEncodeError as error:
        return Rejection(RejectReason.UNDECODABLE, f"a lone surrogate in the text, at character {error.start}")
    if len(utf8) > options.max_document_bytes:
        return Rejection(RejectReason.TOO_LARGE, f"{len(utf8)} bytes, the limit is {options.max_document_bytes}")
    return identified(row, text, utf8, options)


def identified(row: Mapping[str, Any], text: str, utf8: bytes, options: ReadOptions) -> Document | Rejection:
    """Return the document of a text whose other fields are metadata."""
    given = row.get(options.id_field)
    if isinstance(given, (list, dict, tuple)):
        return Rejection(
            RejectReason.WRONG_TYPE, f"field {options.id_field!r} is {kind_of(given)}, not a string or number"
        )
    try:
        named = given if isinstance(given, str) else "" if given is None else str(jsonable(given))
        named.encode()
        rest = {key: value for key, value in row.items() if key not in (options.text_field, options.id_field)}
        return Document(named or content_id(utf8), text, metadata_json(rest))
    except UnicodeEncodeError as error:
        return Rejection(RejectReason.UNDECODABLE, f"a lone surrogate in the id, at character {error.start}")
    except RecursionError:
        return Rejection(RejectReason.BROKEN_JSON, "nested too deeply")


def content_id(utf8: bytes) -> str:
    """Return the id of a document that has none: the start of its text's SHA-256."""
    return CONTENT_ID + hashlib.sha256(utf8).hexdigest()[:32]


def metadata_json(fields: Mapping[str, Any]) -> str:
    """Return fields as the text of a compact JSON object; what is not ASCII stays as it is where UTF-8 can say it."""
    try:
        written = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, TypeError):
        written = json.dumps(jsonable(fields), ensure_ascii=False, separators=(",", ":"))
    try:
        written.encode()
    except UnicodeEncodeError:
        return json.dumps(json.loads(written), separators=(",", ":"))
    return written


def jsonable(value: Any) -> Any:
    """Return a value that JSON can say, the same one for the same input on every machine."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(inner) for inner in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value)


def _no_text(row: Mapping[str, Any], field: str) -> Rejection:
    if field in row:
        return Rejection(RejectReason.NO_TEXT, f"field {field!r} is null")
    seen = [str(key)[:30] for key in list(row)[:5]]
    more = ", ..." if len(row) > len(seen) else ""
    return Rejection(
        RejectReason.NO_TEXT, f"no field {field!r}; it has {', '.join(seen) + more if seen else 'no fields'}"
    )


def kind_of(value: Any) -> str:
    """Name the type of a value in JSON's words."""
    return _KINDS.get(type(value), f"of type {type(value).__name__}")


def _printable(detail: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in detail)
