"""A figure with what it rests on: never a rate without its count, nor a number where there is no data.

Intervals are 95 %. Rates have Wilson's score interval (Wilson 1927). F1 is 2J/(1+J) of the share J of true positives
among all rows that are unsafe or flagged, and has J's Wilson interval put through the same formula. Means have
the normal interval of their standard error. Rows are taken to be independent.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Z = statistics.NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` rests on `n` rows or answers; `low` and `high` bound its 95 % interval. None: no data."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None


def no_data(n: int = 0) -> Figure:
    return Figure(None, n)


def wilson(hits: float, n: float) -> tuple[float, float]:
    """Return the interval of a share of `hits` among `n`, at least 1; it holds the share itself, also at 0 and 1."""
    share = hits / n
    centre = share + Z * Z / (2 * n)
    spread = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    below = 1 + Z * Z / n
    return min(share, max(0.0, (centre - spread) / below)), max(share, min(1.0, (centre + spread) / below))


def rate(hits: int, n: int) -> Figure:
    if not n:
        return no_data()
    return Figure(hits / n, n, *wilson(hits, n))


def f1(num_true: int, num_false: int, num_missed: int) -> Figure:
    """Return F1 from true positives, false positives and false negatives; it rests on the rows that are any of them."""
    n = num_true + num_false + num_missed
    if not n:
        return no_data()
    value, low, high = (2 * share / (1 + share) for share in (num_true / n, *wilson(num_true, n)))
    return Figure(value, n, low, high)


def mean(values: Sequence[float], least: float = -math.inf, most: float = math.inf) -> Figure:
    """Return the mean; its interval stays within `least` and `most`, which no value can pass."""
    if not values:
        return no_data()
    middle = statistics.fmean(values)
    if len(values) == 1:
        return Figure(middle, 1)
    spread = Z * statistics.stdev(values, middle) / math.sqrt(len(values))
    return Figure(middle, len(values), max(least, middle - spread), min(most, middle + spread))
