"""Cross-validation: every text scored by a model that saw neither its group nor, for prose, its document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reflectgen.reflection.guard_model import NUM_SIGNALS, GuardModel, categories, probabilities
from reflectgen.reflection.ngrams import tokenize
from scripts.guard.examples import Examples
from scripts.guard.fit import (
    BITS,
    Bools,
    Floats,
    Matrix,
    count_ngrams,
    fit_categories,
    fit_signals,
    fit_weights,
    read_signals,
)
from scripts.guard.rows import NUM_FOLDS, Prose, Row

# What an example weighs beside a row's 1, first when the n-gram weights are fitted, then when the signals are.
CROP_WEIGHT, SET_IN_CROP_WEIGHT = 0.1, 0.3
REQUEST_WEIGHT = 0.5  # of a look-alike that is a question or a piece of advice: a corpus has few of those
UNSAFE_ROW_WEIGHT, SET_IN_PROSE_WEIGHT, PROSE_WEIGHT, FRAGMENT_WEIGHT = 1.3, 0.15, 0.4, 0.1


@dataclass(frozen=True, slots=True)
class Counted:
    """The training examples as counts, with what is known of each."""

    matrix: Matrix
    unsafe: Bools
    weight: Floats
    fold: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One number or one row of numbers for each of `Examples.rows`, `in_prose`, `prose` and `fragments`."""

    rows: Floats
    in_prose: Floats
    prose: Floats
    fragments: Floats

    @property
    def parts(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.rows, self.in_prose, self.prose, self.fragments


def count_examples(examples: Examples, class_table: NDArray[np.uint8]) -> Counted:
    """Count the n-grams of all that may train."""
    rows, crops = examples.training_rows, examples.crops
    row_weight = np.array([1.0 if row.kind == "text" else REQUEST_WEIGHT for row in rows])
    return Counted(
        matrix=count_ngrams(
            [row.text for row in rows] + [crop.text for crop in crops] + examples.in_crops, class_table, BITS
        ),
        unsafe=np.concatenate([unsafe_of(rows), np.zeros(len(crops), dtype=np.bool_), unsafe_of(rows)]),
        weight=np.concatenate([row_weight, np.full(len(crops), CROP_WEIGHT), row_weight * SET_IN_CROP_WEIGHT]),
        fold=np.concatenate([folds_of(rows), folds_of(crops), folds_of(rows)]),
    )


def fit_on(counted: Counted, chosen: Bools, class_table: NDArray[np.uint8]) -> GuardModel:
    """Fit the n-gram weights on the chosen examples."""
    return fit_weights(counted.matrix[chosen], counted.unsafe[chosen], counted.weight[chosen], class_table)


def held_out_signals(examples: Examples, counted: Counted, class_table: NDArray[np.uint8]) -> HeldOut:
    """Return the signals of all that is scored, from models that did not see them."""
    found = HeldOut(*(np.zeros((len(texts), NUM_SIGNALS)) for texts, _ in _scored(examples)))
    for fold in range(NUM_FOLDS):
        model = fit_on(counted, counted.fold != fold, class_table)
        for numbers, (texts, folds) in zip(found.parts, _scored(examples), strict=True):
            held_out = np.flatnonzero(folds == fold)
            numbers[held_out] = read_signals(model, [texts[index] for index in held_out])
    return found


def fit_signal_weights(examples: Examples, found: HeldOut, without_fold: int = -1) -> Floats:
    """Fit the weights of the signals on held-out signals of labelled rows, bare and set in prose, and of prose."""
    labeled = examples.rows[: examples.num_labeled]
    sources = (labeled, examples.hidden, examples.prose, examples.fragments)
    chosen = [_may_fit(source, without_fold) for source in sources]
    sizes = [int(mask.sum()) for mask in chosen]
    unsafe = np.concatenate([unsafe_of(labeled)[chosen[0]], np.repeat([True, False, False], sizes[1:])])
    weight = np.repeat([1.0, SET_IN_PROSE_WEIGHT, PROSE_WEIGHT, FRAGMENT_WEIGHT], sizes)
    weight[: sizes[0]][unsafe[: sizes[0]]] = UNSAFE_ROW_WEIGHT
    signals = [numbers[: len(mask)][mask] for numbers, mask in zip(found.parts, chosen, strict=True)]
    return fit_signals(np.concatenate(signals), unsafe, weight)


def held_out_scores(examples: Examples, found: HeldOut, model: GuardModel) -> HeldOut:
    """Return probabilities; the signals' weights, too, are fitted on the other folds."""
    scores = HeldOut(*(np.zeros(len(texts)) for texts, _ in _scored(examples)))
    for fold in range(NUM_FOLDS):
        fitted = replace(model, signal_weights=fit_signal_weights(examples, found, without_fold=fold))
        for numbers, signals, (_, folds) in zip(scores.parts, found.parts, _scored(examples), strict=True):
            numbers[folds == fold] = probabilities(signals[folds == fold], fitted)
    return scores


def held_out_categories(examples: Examples, model: GuardModel) -> list[str]:
    """Return the hazard that a model which did not see its group gives each unsafe row of `examples.rows`, in order."""
    unsafe = [row for row in examples.rows if row.unsafe]
    guessed = [""] * len(unsafe)
    for fold in range(NUM_FOLDS):
        train = [row for row in unsafe if row.fold != fold and not row.refused]
        fitted = fit_categories(model, [row.text for row in train], [row.category for row in train])
        held_out = [index for index, row in enumerate(unsafe) if row.fold == fold]
        guesses = categories(tokenize([unsafe[index].text for index in held_out]), len(held_out), fitted)
        for index, guess in zip(held_out, guesses, strict=True):
            guessed[index] = guess
    return guessed


def unsafe_of(rows: Sequence[Row]) -> Bools:
    return np.array([row.unsafe for row in rows], dtype=np.bool_)


def folds_of(examples: Sequence[Row | Prose]) -> NDArray[np.int64]:
    return np.array([example.fold for example in examples], dtype=np.int64)


def _scored(examples: Examples) -> tuple[tuple[list[str], NDArray[np.int64]], ...]:
    return (
        ([row.text for row in examples.rows], folds_of(examples.rows)),
        (examples.in_prose, folds_of(examples.hidden)),
        ([chunk.text for chunk in examples.prose], folds_of(examples.prose)),
        ([crop.text for crop in examples.fragments], folds_of(examples.fragments)),
    )


def _may_fit(examples: Sequence[Row | Prose], without_fold: int) -> Bools:
    return np.array([not one.refused and one.fold != without_fold for one in examples], dtype=np.bool_)
