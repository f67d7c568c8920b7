"""A part of the labelled rows that keeps their proportions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby

from reflectgen.evals.compare.rows import LabelledRow


def stratified(rows: Sequence[LabelledRow], size: int, seed: int) -> list[LabelledRow]:
    """Return `size` rows, in their old order; each source, label and hazard has its share to within one row.

    Systematic sampling: rows lie stratum by stratum, in random order within one, and every n-th is taken. All rows are
    equally likely, so rates over the sample estimate those over all rows without weights.
    """
    if size >= len(rows):
        return list(rows)
    rng = random.Random(seed)
    numbers = sorted(range(len(rows)), key=lambda number: _stratum(rows[number]))
    laid_out: list[int] = []
    for _, group in groupby(numbers, key=lambda number: _stratum(rows[number])):
        members = list(group)
        rng.shuffle(members)
        laid_out += members
    step, start = len(rows) / size, rng.random()
    return [rows[number] for number in sorted(laid_out[int((start + turn) * step)] for turn in range(size))]


def _stratum(row: LabelledRow) -> tuple[str, bool, str]:
    return row.source, row.is_unsafe, row.category or row.resembles or ""
