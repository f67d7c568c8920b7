"""Rows to look at: where recipes differ from each other, or from the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reflectgen.evals.compare.measures import Reading
from reflectgen.evals.compare.result import RecipeRun, RowResult
from reflectgen.evals.compare.rows import LabelledRow
from reflectgen.evals.compare.sample import stratified


@dataclass(frozen=True, slots=True)
class Difference:
    """A row and what each recipe made of it, in the recipes' order."""

    row: LabelledRow
    results: tuple[RowResult, ...]


def differences(
    rows: Sequence[LabelledRow], runs: Sequence[RecipeRun], size: int, seed: int
) -> tuple[list[Difference], int]:
    """Return a sample over all sources and labels, and how many rows it was drawn from.

    With several recipes, rows to which they give different verdicts; with one, rows that it gets wrong in the strict
    reading.
    """
    ways = {id(row): tuple(run.results[number] for run in runs) for number, row in enumerate(rows)}
    wanted = [row for row in rows if _differs(row, ways[id(row)])]
    return [Difference(row, ways[id(row)]) for row in stratified(wanted, size, seed)], len(wanted)


def _differs(row: LabelledRow, results: Sequence[RowResult]) -> bool:
    if len(results) > 1:
        return len({result.verdict for result in results}) > 1
    return Reading.STRICT.flags(results[0].verdict) is not row.is_unsafe
