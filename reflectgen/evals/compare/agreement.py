"""How much two recipes agree beyond what chance would bring about: Cohen's kappa (Cohen 1960), on three verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reflectgen.evals.compare.figure import Figure, no_data, rate
from reflectgen.evals.compare.result import RecipeRun
from reflectgen.records import Verdict

NUM_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Agreement:
    """`counts[i][j]` rows have the i-th verdict by `one` and the j-th by `other`: safe, controversial, unsafe.

    `kappa` is 1 for full agreement and 0 for what chance gives; its interval is a percentile bootstrap over rows, 2,000
    draws. There is none where both give one and the same verdict to all rows.
    """

    one: str
    other: str
    counts: tuple[tuple[int, int, int], ...]
    same: Figure
    kappa: Figure


def agreements(runs: Sequence[RecipeRun], seed: int) -> list[Agreement]:
    """Return the agreement of every pair of recipes."""
    return [agreement(one, other, seed) for number, one in enumerate(runs) for other in runs[number + 1 :]]


def agreement(one: RecipeRun, other: RecipeRun, seed: int) -> Agreement:
    counts = np.zeros((len(Verdict), len(Verdict)), dtype=np.int64)
    for mine, its in zip(one.results, other.results, strict=True):
        counts[mine.verdict.severity, its.verdict.severity] += 1
    same, n = int(np.trace(counts)), int(counts.sum())
    table = tuple((int(a), int(b), int(c)) for a, b, c in counts)
    return Agreement(one.name, other.name, table, rate(same, n), cohens_kappa(counts, np.random.default_rng(seed)))


def cohens_kappa(counts: NDArray[np.int64], rng: np.random.Generator) -> Figure:
    """Return kappa of a square table of counts."""
    n = int(counts.sum())
    if not n:
        return no_data()
    (value,) = _kappas(counts[np.newaxis].astype(np.float64))
    if np.isnan(value):
        return no_data(n)
    draws = rng.multinomial(n, (counts / n).ravel(), size=NUM_DRAWS).reshape(NUM_DRAWS, *counts.shape)
    drawn = _kappas(draws.astype(np.float64))
    low, high = np.quantile(drawn[~np.isnan(drawn)], [0.025, 0.975])
    return Figure(float(value), n, min(float(low), float(value)), max(float(high), float(value)))


def _kappas(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the kappa of each table, NaN where only one verdict occurs."""
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)
    observed = np.trace(shares, axis1=1, axis2=2)
    expected = (shares.sum(axis=1) * shares.sum(axis=2)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        kappas: NDArray[np.float64] = np.where(expected < 1 - 1e-12, (observed - expected) / (1 - expected), np.nan)
    return kappas
