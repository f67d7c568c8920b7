"""What the held-out scores say, in figures: the bars, and the same by source, by hazard and by kind of prose."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from scripts.guard.examples import Examples
from scripts.guard.fit import Bools, Floats
from scripts.guard.folds import HeldOut, folds_of, unsafe_of
from scripts.guard.rows import NUM_FOLDS, Row

# The threshold of `unsafe` may flag at most this part of the prose, well below the bar of 1 %.
MAX_PROSE_UNSAFE = 0.007
# That of `controversial` is lower: at most this part of the prose is at least controversial.
MAX_PROSE_CONTROVERSIAL = 0.03


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of one group of rows at the threshold, and what follows from them."""

    rows: int
    unsafe: int
    flagged: int
    found: int

    @property
    def accuracy(self) -> float:
        return (self.rows - self.unsafe - self.flagged + 2 * self.found) / self.rows

    @property
    def recall(self) -> float:
        return self.found / self.unsafe if self.unsafe else 0.0

    @property
    def precision(self) -> float:
        return self.found / self.flagged if self.flagged else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.found / (self.unsafe + self.flagged) if self.unsafe + self.flagged else 0.0


def choose_thresholds(examples: Examples, scores: HeldOut, without_fold: int = -1) -> tuple[float, float]:
    """Return the thresholds of `controversial` and `unsafe`: the best F1 that leaves prose alone.

    Only what may train decides, less one fold if asked. F1 is averaged over near thresholds: its top is jagged.
    """
    labeled = zip(examples.rows[: examples.num_labeled], scores.rows, strict=False)
    rows = [(row.unsafe, score) for row, score in labeled if not row.refused and row.fold != without_fold]
    unsafe, score = np.array([is_unsafe for is_unsafe, _ in rows]), np.array([score for _, score in rows])
    prose = [
        score
        for chunk, score in zip(examples.prose, scores.prose, strict=True)
        if not chunk.refused and chunk.fold != without_fold
    ]
    candidates = np.arange(0.05, 0.95, 0.005)
    f1 = np.convolve([count(unsafe, score >= one).f1 for one in candidates], np.full(9, 1 / 9), mode="same")
    allowed = candidates > np.quantile(prose, 1 - MAX_PROSE_UNSAFE)
    best = float(candidates[allowed][np.argmax(f1[allowed])])
    controversial = min(float(np.quantile(prose, 1 - MAX_PROSE_CONTROVERSIAL)), best * 0.9)
    return round(controversial, 4), round(best, 4)


@dataclass(frozen=True, slots=True)
class Measured:
    """Held-out figures at thresholds that were chosen, for each fold, on the other four."""

    thresholds: tuple[float, ...]
    rows_flagged: Bools
    in_prose_flagged: Bools
    prose_flagged: Bools
    no_model: Figures  # labelled rows that no model wrote
    may_train: Figures  # those of them that the rule admits
    recall_in_prose: float
    pairs_in_order: float
    num_pairs: int
    prose_share: float


def measure(examples: Examples, scores: HeldOut) -> Measured:
    thresholds = tuple(choose_thresholds(examples, scores, fold)[1] for fold in range(NUM_FOLDS))
    per_fold = np.array(thresholds)
    rows, in_prose, prose = (
        numbers >= per_fold[folds_of(source)]
        for numbers, source in (
            (scores.rows, examples.rows),
            (scores.in_prose, examples.hidden),
            (scores.prose, examples.prose),
        )
    )
    labeled = examples.rows[: examples.num_labeled]
    no_model = [index for index, row in enumerate(labeled) if not row.written_by_model]
    may_train = [index for index in no_model if not labeled[index].refused]
    unsafe = unsafe_of(labeled)
    pairs, num_pairs = pairs_in_order(examples.rows, scores.rows)
    return Measured(
        thresholds=thresholds,
        rows_flagged=rows,
        in_prose_flagged=in_prose,
        prose_flagged=prose,
        no_model=count(unsafe[no_model], rows[no_model]),
        may_train=count(unsafe[may_train], rows[may_train]),
        recall_in_prose=float(in_prose.mean()),
        pairs_in_order=pairs,
        num_pairs=num_pairs,
        prose_share=float(prose.mean()),
    )


def count(unsafe: Bools, flagged: Bools) -> Figures:
    return Figures(len(unsafe), int(unsafe.sum()), int(flagged.sum()), int((unsafe & flagged).sum()))


def by(rows: Sequence[Row], flagged: Bools, key: Callable[[Row], Hashable]) -> dict[Hashable, Figures]:
    """Return the figures of each group of rows, by `key`."""
    groups = defaultdict(list)
    for index, row in enumerate(rows):
        groups[key(row)].append(index)
    unsafe = unsafe_of(rows)
    return {name: count(unsafe[chosen], flagged[chosen]) for name, chosen in sorted(groups.items(), key=str)}


def pairs_in_order(rows: Sequence[Row], scores: Floats, source: str = "") -> tuple[float, int]:
    """Return in what part of the look-alike pairs the unsafe side scores above its safe side, and how many pairs.

    A pair with several rows on a side counts as one: the mean over its combinations. A tie is not in order.
    """
    sides: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for row, score in zip(rows, scores.tolist(), strict=True):
        if row.pair and source in ("", row.source):
            sides[row.pair][row.unsafe].append(score)
    shares = [np.mean([u > s for s, u in product(safe, unsafe)]) for safe, unsafe in sides.values() if safe and unsafe]
    return float(np.mean(shares)) if shares else 0.0, len(shares)


def confusion(rows: Sequence[Row], guessed: Sequence[str]) -> Counter[tuple[str, str]]:
    """Count (labelled hazard, guessed hazard)."""
    return Counter((row.category, guess) for row, guess in zip(rows, guessed, strict=True))
