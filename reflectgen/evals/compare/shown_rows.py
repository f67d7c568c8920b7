"""The section of the page that shows rows: what each recipe made of a text, and the text for who wants to see it."""

from __future__ import annotations

from collections.abc import Sequence

from reflectgen.evals.compare import tables
from reflectgen.evals.compare.differences import Difference
from reflectgen.evals.compare.html import safe
from reflectgen.evals.compare.report import Report
from reflectgen.evals.compare.result import RowResult

SHOWN_CHARACTERS = 1500  # of a text


def differences(report: Report) -> str:
    """Return the rows to look at, their texts hidden until somebody asks for them."""
    if not report.differences:
        return "<p>None.</p>"
    many = len(report.recipes) > 1
    what = "to which the recipes give different verdicts" if many else "that the recipe gets wrong (strict reading)"
    head = f"<p>{len(report.differences):,} of {report.num_differences:,} rows {what}, drawn over all sources. "
    head += "The texts are hidden because some are hateful, violent or sexual.</p>"
    names = [recipe.name for recipe in report.recipes]
    return head + "".join(_difference(one, names) for one in report.differences)


def _difference(difference: Difference, names: Sequence[str]) -> str:
    row = difference.row
    label = f"{row.label} ({row.category})" if row.category else row.label
    said = "".join(f"<li>{_verdict(name, result)}</li>" for name, result in zip(names, difference.results, strict=True))
    shown = row.text[:SHOWN_CHARACTERS] + (" […]" if len(row.text) > SHOWN_CHARACTERS else "")
    rationales = "".join(
        f"<p><b>{safe(name)}</b>: <bdi>{safe(result.rationale)}</bdi></p>"
        for name, result in zip(names, difference.results, strict=True)
        if result.rationale
    )
    return (
        f'<article class="difference"><h3>{safe(row.source)}, <bdi>{safe(row.id)}</bdi>: labelled {safe(label)}</h3>'
        f'<ul>{said}</ul><details class="text"><summary>Show the text and what was written about it</summary>'
        f'<blockquote dir="auto">{safe(shown)}</blockquote>{rationales}</details></article>'
    )


def _verdict(name: str, result: RowResult) -> str:
    """Say what a recipe decided, and how."""
    decided = _with_category(result.verdict, result.category)
    guard = f"guard {_with_category(result.guard.verdict, result.guard.category)}, score {result.guard.score:.2f}"
    teacher = f"teacher {_with_category(result.said.verdict, result.said.category)}" if result.said else "no teacher"
    reasons = ", ".join(answer.reason for answer in result.answers if answer.reason)
    rejected = f"; rejected: {reasons}" if reasons else ""
    return safe(f"{name}: {decided}. ({guard}; {teacher}{rejected}; {tables.ROADS[result.road]})")


def _with_category(verdict: str, category: str) -> str:
    return verdict if category == "none" else f"{verdict} ({category})"
