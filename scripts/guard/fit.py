"""Fitting: n-gram weights by logistic regression on features scaled by how telling they are; signals; hazards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from reflectgen.reflection.guard_model import LENGTH_OFFSET, NUM_SIGNALS, GuardModel, signals, weigh
from reflectgen.reflection.ngrams import ngrams, tokenize

BITS = 20
CATEGORY_BITS = 17
UNSAFE_WEIGHT = 1.5  # an unsafe example counts this much more than a safe one: F1 and recall matter, not accuracy alone
SMOOTHING = 0.5  # of the counts behind the log ratios
LEAST_RATIO = 0.3  # a feature as common in both classes still counts a little
WEIGHT_STRENGTH = 1.0  # inverse of the L2 penalty
CATEGORY_STRENGTH = 10.0
# How much the kinds of n-grams count before anything is learned, in the order of reflectgen.reflection.ngrams.
KIND_SCALES = np.array([1.0, 1.0, 0.6, 0.6, 0.8, 0.8, 0.8, 0.8, 0.8, 0.6, 0.8, 0.8])
INT16_TOP, INT8_TOP = 32_000, 127

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Texts as counts of hashed n-grams (one row a text), the length of each text, and the kind behind each bucket."""

    counts: sparse.csr_matrix
    length: Floats
    kinds: NDArray[np.int64]

    def __getitem__(self, chosen: NDArray[np.int64] | Bools) -> Matrix:
        return Matrix(self.counts[chosen], self.length[chosen], self.kinds)


def count_ngrams(texts: Sequence[str], class_table: NDArray[np.uint8], bits: int) -> Matrix:
    """Count the n-grams of every text exactly as the guard will see them."""
    parts, lengths = [], []
    kinds = np.zeros(1 << bits, dtype=np.int64)
    for start in range(0, len(texts), 2000):
        batch = texts[start : start + 2000]
        tokens = tokenize(batch)
        found = [(kind, tokens.text[token], bucket) for kind, token, bucket in ngrams(tokens, class_table, bits)]
        for kind, _, bucket in found:
            kinds[bucket] = kind
        text, bucket = np.concatenate([f[1] for f in found]), np.concatenate([f[2] for f in found])
        parts.append(sparse.csr_matrix((np.ones(len(text)), (text, bucket)), shape=(len(batch), 1 << bits)))
        lengths.append(np.bincount(tokens.text, weights=tokens.length, minlength=len(batch)))
    return Matrix(sparse.vstack(parts).tocsr(), np.concatenate(lengths), kinds)


def stack(matrices: Sequence[Matrix]) -> Matrix:
    kinds = np.maximum.reduce([matrix.kinds for matrix in matrices])
    return Matrix(
        sparse.vstack([matrix.counts for matrix in matrices]).tocsr(),
        np.concatenate([m.length for m in matrices]),
        kinds,
    )


def fit_weights(matrix: Matrix, unsafe: Bools, importance: Floats, class_table: NDArray[np.uint8]) -> GuardModel:
    """Fit the n-gram weights; what turns signals into a probability, and the hazards, are still empty."""
    importance = np.where(unsafe, importance * UNSAFE_WEIGHT, importance)
    scales = _feature_scales(matrix, unsafe, importance)
    scaled = sparse.diags(1 / np.sqrt(matrix.length + LENGTH_OFFSET)) @ matrix.counts @ sparse.diags(scales)
    regression = LogisticRegression(
        C=WEIGHT_STRENGTH, solver="liblinear", dual=True, tol=1e-2, max_iter=200, random_state=0
    ).fit(scaled.tocsr(), unsafe, sample_weight=importance)
    weights = regression.coef_[0] * scales
    step = float(np.abs(weights).max()) / INT16_TOP
    return GuardModel(
        weights=np.round(weights / step).astype(np.int16),
        scale=step,
        intercept=float(regression.intercept_[0]),
        class_table=class_table,
        signal_weights=np.zeros(NUM_SIGNALS + 1),
        controversial=1.0,
        unsafe=1.0,
        categories=np.array(["other"]),
        category_weights=np.zeros((1, 2), dtype=np.int8),
        category_intercepts=np.zeros(1),
    )


def read_signals(model: GuardModel, texts: Sequence[str]) -> Floats:
    """Return the signals of every text."""
    found = []
    for start in range(0, len(texts), 500):
        batch = texts[start : start + 500]
        tokens = tokenize(batch)
        found.append(signals(tokens, weigh(tokens, model), len(batch), model))
    return np.concatenate(found) if found else np.zeros((0, NUM_SIGNALS))


def fit_signals(found: Floats, unsafe: Bools, importance: Floats) -> Floats:
    """Fit the weights of the signals, the constant last."""
    regression = LogisticRegression(C=100.0, max_iter=5000).fit(found, unsafe, sample_weight=importance)
    return np.append(regression.coef_[0], regression.intercept_[0])


def fit_categories(model: GuardModel, texts: Sequence[str], categories: Sequence[str]) -> GuardModel:
    """Return the model with weights for the hazards, one against the rest each."""
    matrix = count_ngrams(texts, model.class_table, CATEGORY_BITS)
    present = np.asarray((matrix.counts > 0).sum(axis=0)).ravel()
    scales = np.log((1 + len(texts)) / (1 + present)) + 1
    num_ngrams = np.asarray(matrix.counts.sum(axis=1)).ravel()
    scaled = (sparse.diags(1 / np.sqrt(num_ngrams + 1)) @ matrix.counts @ sparse.diags(scales)).tocsr()
    names = sorted(set(categories))
    weights, intercepts = [], []
    for name in names:
        is_one = np.array([category == name for category in categories])
        regression = LogisticRegression(
            C=CATEGORY_STRENGTH, solver="liblinear", dual=True, tol=1e-2, class_weight="balanced", random_state=0
        ).fit(scaled, is_one)
        weights.append(regression.coef_[0] * scales)
        intercepts.append(float(regression.intercept_[0]))
    step = np.abs(weights).max() / INT8_TOP
    return replace(
        model,
        categories=np.array(names),
        category_weights=np.round(np.array(weights) / step).astype(np.int8),
        category_intercepts=np.array(intercepts) / step,
    )


def _feature_scales(matrix: Matrix, unsafe: Bools, importance: Floats) -> Floats:
    """Return how much each bucket counts: rare ones more, and those more that lean to one class (as in NB-SVM)."""
    present = matrix.counts.copy()
    present.data[:] = 1
    rarity = np.log((1 + len(unsafe)) / (1 + np.asarray(present.sum(axis=0)).ravel())) + 1
    in_unsafe = present.T @ unsafe.astype(np.float64) + SMOOTHING
    in_safe = present.T @ (importance * ~unsafe) + SMOOTHING
    ratio = np.abs(np.log((in_unsafe / in_unsafe.sum()) / (in_safe / in_safe.sum())))
    scales: Floats = rarity * (LEAST_RATIO + ratio) * KIND_SCALES[matrix.kinds]
    return scales
