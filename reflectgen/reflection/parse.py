"""From the text of a teacher's or guard's reply to what it says, or to the problem that it is."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TypeVar

from pydantic import BaseModel, ValidationError, field_validator

from reflectgen.records import Category, Reflection, Reply, Verdict

M = TypeVar("M", bound=BaseModel)

_NAMES = frozenset(map(str, (*Verdict, *Category)))
FENCE = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*?)\n?\s*```\s*\Z", re.DOTALL | re.IGNORECASE)


class UnusableReplyError(ValueError):
    """Why a reply says nothing usable: `empty`, `truncated`, `not_json`, `missing_<field>` or `unknown_<field>`."""


class Judged(BaseModel, frozen=True):
    """What a guard's reply must hold. Case and spaces in the two names are forgiven; other fields are ignored."""

    verdict: Verdict
    category: Category

    @field_validator("verdict", "category", mode="before")
    @classmethod
    def _name(cls, value: object) -> object:
        if not isinstance(value, str) or value in _NAMES:
            return value
        return re.sub(r"[\s-]+", "_", value.strip().lower())


class Reflected(Judged, frozen=True):
    """What a contextual reply must hold. The evidence may be blank, what that means is a filter's business."""

    evidence: str
    rationale: str

    @field_validator("evidence")
    @classmethod
    def _storable(cls, value: str) -> str:
        return storable(value).strip()

    @field_validator("rationale")
    @classmethod
    def _said(cls, value: str) -> str:
        return _one_line_at_least(value)

    def reflection(self) -> Reflection:
        return Reflection(self.verdict, self.category, self.rationale, self.evidence)


class Hinted(Judged, frozen=True):
    """What a hint's reply must hold: the hint stands where a rationale would."""

    hint: str

    @field_validator("hint")
    @classmethod
    def _said(cls, value: str) -> str:
        return _one_line_at_least(value)

    def reflection(self) -> Reflection:
        return Reflection(self.verdict, self.category, self.hint)


def parse_reply(text: str, finish_reason: str, said: type[Reflected | Hinted] = Reflected) -> Reply:
    """Return the reply that a teacher's `text` is: with the reflection in it, or with the problem's name.

    The reply keeps its text whatever became of it: a filter reads refusals in it.
    """
    kept = storable(text)
    try:
        return Reply(kept, read_as(said, text, finish_reason).reflection())
    except UnusableReplyError as problem:
        return Reply(kept, None, str(problem))


def read_as(model: type[M], text: str, finish_reason: str) -> M:
    """Return the `model` that `text` holds as a JSON object; whitespace and a Markdown fence around it are forgiven.

    Raises:
        UnusableReplyError: an answer that was cut off is `truncated` only where that broke it.
    """
    if not text.strip():
        raise UnusableReplyError("truncated" if finish_reason == "length" else "empty")
    found = FENCE.match(text)
    try:
        said = json.loads(found[1] if found else text)
    except (ValueError, RecursionError):  # a ValueError too: a number of thousands of digits
        said = None
    if not isinstance(said, dict):
        raise UnusableReplyError("truncated" if finish_reason == "length" else "not_json")
    try:
        return model.model_validate(said)
    except ValidationError as error:
        raise UnusableReplyError(_problem_of(error)) from None


def _problem_of(error: ValidationError) -> str:
    """Name the first field that is wrong: absent, null, blank or mistyped is missing, outside its list is unknown."""
    first = error.errors(include_url=False, include_context=False)[0]
    kind = "unknown" if first["type"] == "enum" and isinstance(first["input"], str) else "missing"
    return f"{kind}_{first['loc'][0]}"


def _one_line_at_least(value: str) -> str:
    if not (line := one_line(value)):
        raise ValueError("blank")
    return line


def storable(text: str) -> str:
    """Return `text` without what a database or a UTF-8 file refuses: NUL and lone surrogates become U+FFFD."""
    if text.isprintable():
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(text: str) -> str:
    """Return `text` on one line: whitespace as single spaces, control characters and lone surrogates gone."""
    spaced = " ".join(text.split())  # first, for some control characters are whitespace
    if spaced.isprintable():
        return spaced
    return " ".join("".join(c for c in spaced if unicodedata.category(c) not in ("Cc", "Cs")).split())
