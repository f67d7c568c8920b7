"""The written form: how a reflection stands in the text, and how it is read back out of there.

<think> Safe </think>
<think> Safe: a classroom account of how leaves turn light into sugar. </think>
<think> Unsafe: Violent Crimes. It plans an ambush on a named man. </think><|endoftext|>

In style `hint` (SRP-Hint, appendix A of arXiv 2606.19168) what follows leads to the next chunk, and the text goes on:

<think> Safe Explain how the plant stores what it makes. </think>
<think> Unsafe: Violent Crimes Describe how the neighbours came to hear of it. </think>
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from reflectgen.errors import VerificationError
from reflectgen.records import Category, Reflection, Verdict
from reflectgen.reflection.markers import STAND_IN, STAND_INS, NeutralisedSpan, fold, neutralise
from reflectgen.reflection.taxonomy import CATEGORY_NAMES, VERDICT_NAMES, written_category

# Our own words hold these, so a marker that began with one could come about between them and a rationale.
_OWN_PUNCTUATION = ".:&-"

# What may follow the name of a verdict before a rationale does.
_SAFE_HEADS = {Category.NONE: ""}
_OTHER_HEADS = {category: f": {name}" for category, name in CATEGORY_NAMES.items()}


class FormOptions(BaseModel, frozen=True, extra="forbid"):
    """The markers around a reflection and what goes between them.

    `style`: contextual says why where a rationale is known, template gives verdict and category alone, hint says what
    comes next. `separator` is the white space between a chunk's text and its reflection. `end_after_unsafe` is true
    unless given, and false for hints: they lead on.
    """

    open_marker: str = Field(default="<think>", min_length=2, max_length=64)
    close_marker: str = Field(default="</think>", min_length=2, max_length=64)
    end_of_text: str = Field(default="<|endoftext|>", min_length=2, max_length=64)
    end_after_unsafe: bool = True
    separator: str = Field(default=" ", max_length=8)
    style: Literal["contextual", "template", "hint"] = "contextual"

    @property
    def markers(self) -> tuple[str, str, str]:
        return self.open_marker, self.close_marker, self.end_of_text

    @model_validator(mode="before")
    @classmethod
    def _hints_lead_on(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("style") == "hint":
            return {"end_after_unsafe": False, **given}
        return given

    @model_validator(mode="after")
    def _markers_are_fit(self) -> Self:
        for marker in self.markers:
            _check_marker(marker)
        for i, j in product(range(3), repeat=2):
            if i != j and fold(self.markers[i]) in fold(self.markers[j]):
                raise ValueError(f"marker {self.markers[i]!r} is part of marker {self.markers[j]!r}; choose another")
            if _overlap(fold(self.markers[i]), fold(self.markers[j])):
                raise ValueError(f"the end of marker {self.markers[i]!r} begins {self.markers[j]!r}; choose another")
        if self.separator.strip():
            raise ValueError(f"the separator is white space or nothing, got {self.separator!r}")
        return self


@dataclass(frozen=True, slots=True)
class WrittenReflection:
    """One reflection as it is woven in, and what was neutralised in it; spans count from the start of `text`."""

    text: str
    neutralised: list[NeutralisedSpan]


def render_reflection(reflection: Reflection, options: FormOptions) -> str:
    """Return the written form, on one line; markers in the rationale are neutralised."""
    return write_reflection(reflection, options).text


def write_reflection(reflection: Reflection, options: FormOptions) -> WrittenReflection:
    """Return the written form together with what was neutralised in its rationale or hint."""
    head = f"{options.open_marker} {_judgement(reflection.verdict, reflection.category)}"
    tail = f" {options.close_marker}{_ending(reflection.verdict, options)}"
    rationale = "" if options.style == "template" else " ".join(reflection.rationale.split())
    if not rationale:
        return WrittenReflection(head + tail, [])
    head += _joint(reflection.verdict, options)
    rationale, spans = neutralise(rationale, options.markers)
    shift = len(head)
    moved = [NeutralisedSpan(span.start + shift, span.end + shift, span.original) for span in spans]
    return WrittenReflection(head + rationale + tail, moved)


def parse_written(text: str, options: FormOptions) -> tuple[Verdict, Category, str]:
    """Return verdict, category (see `written_category`) and rationale, or hint, of one written reflection.

    The separator is left off.

    Raises:
        VerificationError: `text` is not what `render_reflection` writes with these options.
    """
    for verdict, name in VERDICT_NAMES.items():
        head, tail = f"{options.open_marker} {name}", f" {options.close_marker}{_ending(verdict, options)}"
        if len(text) < len(head) + len(tail) or not (text.startswith(head) and text.endswith(tail)):
            continue
        if (found := _parse_judgement(text[len(head) : -len(tail)], verdict, _joint(verdict, options))) is not None:
            return verdict, *found
    raise VerificationError(f"not a written reflection: {text[:80]!r}")


def _parse_judgement(rest: str, verdict: Verdict, joint: str) -> tuple[Category, str] | None:
    """Return the category and the rationale in what follows a verdict's name; None where it is anything else."""
    for category, head in (_SAFE_HEADS if verdict is Verdict.SAFE else _OTHER_HEADS).items():
        if rest == head:
            return category, ""
        if rest.startswith(head + joint):
            return category, rest[len(head + joint) :]
    return None


def _judgement(verdict: Verdict, category: Category) -> str:
    if verdict is Verdict.SAFE:
        return VERDICT_NAMES[verdict]
    return f"{VERDICT_NAMES[verdict]}: {CATEGORY_NAMES[written_category(verdict, category)]}"


def _joint(verdict: Verdict, options: FormOptions) -> str:
    if options.style == "hint":
        return " "
    return ": " if verdict is Verdict.SAFE else ". "


def _ending(verdict: Verdict, options: FormOptions) -> str:
    return options.end_of_text if options.end_after_unsafe and verdict is Verdict.UNSAFE else ""


def _check_marker(marker: str) -> None:
    if marker[0] not in string.punctuation or marker[0] in _OWN_PUNCTUATION:
        raise ValueError(f"marker {marker!r} starts with ASCII punctuation, though none of {_OWN_PUNCTUATION}")
    if not marker.isprintable() or not all(map(fold, marker)):
        raise ValueError(f"marker {marker!r} holds white space or an invisible character")
    if not set(marker).isdisjoint((*STAND_INS.values(), STAND_IN)):
        raise ValueError(f"marker {marker!r} holds a character that stands in for neutralised ones")


def _overlap(first: str, second: str) -> bool:
    """Whether an end of `first` begins `second`: then text beside one of our markers could complete another."""
    return any(first.endswith(second[:length]) for length in range(1, min(len(first), len(second))))
