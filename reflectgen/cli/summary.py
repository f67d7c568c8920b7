"""A job in numbers, for people: the closing summary of `run`, and `stats`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from sqlalchemy import Connection

from reflectgen.cli.display import VERDICT_STYLES
from reflectgen.export.manifest import MANIFEST_NAME, read_manifest
from reflectgen.jobs.recipe import Recipe
from reflectgen.reflection.llm_guard import REJECTED, UNPARSABLE
from reflectgen.store.counts import Counts, num_native_beginning
from reflectgen.store.usage import Usage, usage_of

ROADS = {
    "teacher": "accepted at the first answer",
    "asked_again": "accepted after asking again",
    "fallback": "template, because no answer was accepted",
    "template": "template, because nobody was asked",
    "overruled": "template, because the guard's verdict is the more severe",
}


def print_summary(console: Console, counts: Counts, recipe: Recipe, export: Path) -> None:
    """Print what went in, what came of it, and which road each chunk took."""
    for name, value in (*_lines(counts), *_roles(recipe), *_neutralised(export)):
        console.print(f"{name:<14}{value}", soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Use:
    """What was used of each endpoint, in all runs, and how many labels of a guard's are the built-in one's instead."""

    endpoints: Sequence[Usage]
    num_unread_labels: int
    num_refused_labels: int


def use_of(connection: Connection, job_id: int) -> Use:
    unread, refused = (num_native_beginning(connection, job_id, why) for why in (UNPARSABLE, REJECTED))
    return Use(usage_of(connection, job_id), unread, refused)


def print_use(console: Console, use: Use) -> None:
    if num_labels := use.num_unread_labels + use.num_refused_labels:
        why = {"answers could not be read": use.num_unread_labels, "the server refused": use.num_refused_labels}
        said = ", ".join(f"{number:,} where {what}" for what, number in why.items() if number)
        console.print(f"{'labels':<14}{num_labels:,} are the built-in guard's instead: {said}", style="yellow")
    for one in use.endpoints:
        tokens = f"{one.prompt_tokens:,} tokens in prompts, {one.completion_tokens:,} in answers"
        console.print(f"{'used':<14}{one.role} at {one.endpoint}: {one.num_calls:,} calls, {tokens}", markup=False)


def _neutralised(export: Path) -> Iterator[tuple[str, str]]:
    """Say how many markers were forged, once an export has counted them."""
    if not (export / MANIFEST_NAME).exists():
        return
    counts = read_manifest(export).counts
    if counts.num_neutralised:
        ours = f", {counts.num_neutralised_in_reflections:,} of them in reflections"
        yield (
            "neutralised",
            f"{counts.num_neutralised:,} forged markers{ours if counts.num_neutralised_in_reflections else ''}",
        )


def _roles(recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield "guard", escape(recipe.guard["model"])
    teachers = [one["model"] for one in (recipe.teacher, *recipe.fallbacks) if one]
    yield "teacher", escape(", then ".join(teachers) or "none: every reflection is the template of the guard's label")


def _lines(counts: Counts) -> Iterator[tuple[str, str]]:
    in_balance = counts.num_rows == counts.num_documents + counts.num_rejected_rows
    ledger = "" if in_balance else "  [red](this does not add up: please report it)[/]"
    rows = f"{counts.num_documents:,} documents + {counts.num_rejected_rows:,} rejected{ledger}"
    yield "rows read", f"{counts.num_rows:,} = {rows}"
    if counts.rejected_rows:
        yield "  rejected", _shares(counts.rejected_rows, None)
    yield "chunks", f"{counts.num_chunks:,}, of which {counts.num_reflections:,} have their reflection"
    styled = {f"[{VERDICT_STYLES[v]}]{v}[/]": n for v, n in counts.verdicts.items()}
    yield "  verdicts", _shares(styled, counts.num_reflections)
    hazards = {name: n for name, n in counts.categories.items() if name != "none"}
    if hazards:
        yield "  hazards", _shares(hazards, None)
    yield (
        "  roads",
        "; ".join(f"{counts.roads[road]:,} {said}" for road, said in ROADS.items() if counts.roads.get(road)),
    )
    if counts.acceptance_rate is not None:
        yield "answers", f"{counts.num_replies:,}, {counts.acceptance_rate:.1%} accepted"
    if counts.rejections:
        yield "  rejected", _shares(counts.rejections, None)
    if counts.num_unscored:
        yield "  unscored", f"{counts.num_unscored:,} accepted, though a check's model gave no usable answer"
    if counts.completion_tokens:
        yield "  tokens", f"{counts.prompt_tokens:,} in prompts, {counts.completion_tokens:,} in answers"
    if counts.num_guard_teacher_differences:
        yield "  differ", f"teacher and guard, on {counts.num_guard_teacher_differences:,} accepted reflections"
    if counts.tokens_saved:
        yield (
            "  saved",
            f"{counts.num_calls_saved:,} calls of the teacher, about {counts.tokens_saved:,} tokens: {_saved(counts)}",
        )


def _saved(counts: Counts) -> str:
    why = {"kept from it by the policy": counts.num_not_asked, "equal to another chunk": counts.num_reused}
    return ", ".join(f"{number:,} {what}" for what, number in why.items() if number)


def _shares(counts: Mapping[str, int], total: int | None) -> str:
    if not counts:
        return "none"
    return ", ".join(f"{name} {n:,}" + (f" ({n / total:.1%})" if total else "") for name, n in counts.items())
