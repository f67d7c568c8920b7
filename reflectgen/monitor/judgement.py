"""What a reflection that a model wrote says. White space is forgiven, for tokenizers differ in it; words are not."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reflectgen.records import Category, Verdict
from reflectgen.reflection.form import FormOptions
from reflectgen.reflection.taxonomy import CATEGORY_NAMES, VERDICT_NAMES


@dataclass(frozen=True, slots=True)
class Judgement:
    """`rationale` may be a hint. A category that is not in our list is `other`, and stays in the rationale."""

    verdict: Verdict
    category: Category
    rationale: str = ""


def _spaced(name: str) -> str:
    """Return a pattern for a name, with any white space between its words and marks."""
    return r"\s*".join(re.escape(piece) for piece in re.findall(r"\w+|[^\w\s]", name))


_VERDICTS = {re.compile(rf"{name}(?!\w)\s*(?P<joint>:?)\s*"): verdict for verdict, name in VERDICT_NAMES.items()}
_CATEGORIES = {
    re.compile(rf"{_spaced(name)}(?!\w)\s*\.?\s*"): category
    for category, name in sorted(CATEGORY_NAMES.items(), key=lambda pair: -len(pair[1]))
}


def read_judgement(content: str, form: FormOptions) -> Judgement | None:
    """Return what stands between two markers; None if it begins with no verdict, or goes on as the form does not."""
    content = content.strip()
    for pattern, verdict in _VERDICTS.items():
        if (found := pattern.match(content)) is None:
            continue
        rest = content[found.end() :]
        if rest and not found["joint"] and form.style != "hint":
            return None
        if verdict is Verdict.SAFE:
            return Judgement(verdict, Category.NONE, rest)
        return _with_category(verdict, rest)
    return None


def _with_category(verdict: Verdict, rest: str) -> Judgement:
    for pattern, category in _CATEGORIES.items():
        if found := pattern.match(rest):
            return Judgement(verdict, category, rest[found.end() :])
    return Judgement(verdict, Category.OTHER, rest)
