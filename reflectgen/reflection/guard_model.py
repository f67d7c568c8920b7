"""The built-in guard's numbers: n-gram weights, how windows of a text are scored, and how that becomes a probability.

Weights are integers, so the sum over a window is exact in whatever order it is taken; what follows is elementwise. A
text's score therefore never depends on the texts scored beside it.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reflectgen.reflection.ngrams import Ints, Tokens, character_weights, ngrams, word_ngrams

Floats = NDArray[np.float64]

# A harmful sentence in a page of prose is loud only near itself, so windows of these many tokens are scored too.
WINDOWS: Final = (12, 24)
# Keeps a window of few n-grams from being loud by chance; in characters.
LENGTH_OFFSET: Final = 20
# Shorter texts count as this long, in tokens: a title of one word says no more about itself than one of six.
LEAST_TOKENS: Final = 6
NUM_SIGNALS: Final = len(WINDOWS) + 2


@dataclass(frozen=True, slots=True)
class GuardModel:
    """Everything in the model file.

    `weights` are int16, one a bucket, for unsafe (above 0) or safe; `scale` turns their sums into logits, to which
    `intercept` belongs. `signal_weights` (NUM_SIGNALS, then a constant) turn a text's signals into the logit of the
    probability that it is unsafe. `category_weights` are int8, a row a category of `categories`.
    """

    weights: NDArray[np.int16]
    scale: float
    intercept: float
    class_table: NDArray[np.uint8]
    signal_weights: Floats
    controversial: float
    unsafe: float
    categories: NDArray[np.str_]
    category_weights: NDArray[np.int8]
    category_intercepts: Floats

    @property
    def bits(self) -> int:
        return len(self.weights).bit_length() - 1

    @property
    def category_bits(self) -> int:
        return int(self.category_weights.shape[1]).bit_length() - 1

    def to_bytes(self) -> bytes:
        """Return the model file's bytes: equal models, equal bytes."""
        arrays: dict[str, Any] = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        return buffer.getvalue()


def load_model(path: Path) -> tuple[GuardModel, str]:
    """Read a model file; return it with its SHA-256."""
    content = path.read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        read = {field.name: arrays[field.name] for field in fields(GuardModel)}
    model = GuardModel(**{name: value.item() if value.ndim == 0 else value for name, value in read.items()})
    return model, hashlib.sha256(content).hexdigest()


def weigh(tokens: Tokens, model: GuardModel) -> Ints:
    """Return each token's weight: that of the n-grams that end in it."""
    # bincount adds in float64, which is exact here: every sum is a whole number far below 2**53.
    weight = character_weights(tokens, model.weights, model.bits).astype(np.float64)
    for _, token, bucket in word_ngrams(tokens, model.class_table, model.bits):
        weight += np.bincount(token, weights=model.weights[bucket], minlength=len(tokens))
    return weight.astype(np.int64)


def signals(tokens: Tokens, weight: Ints, num_texts: int, model: GuardModel) -> Floats:
    """Return (num_texts, NUM_SIGNALS): logits of the whole text and of the loudest window of each size, then shortness.

    A text no longer than a window is its own only window; a text without tokens has zeros.
    """
    found = np.zeros((num_texts, NUM_SIGNALS))
    if not len(tokens):
        return found
    first = np.searchsorted(tokens.text, np.arange(num_texts + 1))
    count = np.diff(first)
    filled = np.flatnonzero(count)
    weight_before, length_before = _sums_before(weight), _sums_before(tokens.length)
    start, end = first[:-1][filled], first[1:][filled]
    found[filled, 0] = _logits(
        weight_before[end] - weight_before[start], length_before[end] - length_before[start], model
    )
    for column, size in enumerate(WINDOWS, start=1):
        found[:, column] = found[:, 0]
        longer = np.flatnonzero(count > size)
        if not len(longer):
            continue
        loud = _logits(
            weight_before[size:] - weight_before[:-size], length_before[size:] - length_before[:-size], model
        )
        # From a text's first window to the one that ends with its last token; those between belong to two texts.
        bounds = np.stack([first[:-1][longer], first[1:][longer] - size + 1], axis=1).ravel()
        found[longer, column] = np.maximum.reduceat(np.append(loud, -np.inf), bounds)[::2]
    found[filled, -1] = 1 / np.sqrt(np.maximum(count[filled], LEAST_TOKENS))
    return found


def probabilities(found: Floats, model: GuardModel) -> Floats:
    """Return the probability, to four decimals, that each text is unsafe; the logit is added up in a fixed order."""
    logit = np.full(len(found), model.signal_weights[-1])
    for column in range(NUM_SIGNALS):
        logit += found[:, column] * model.signal_weights[column]
    rounded: Floats = np.round(1 / (1 + np.exp(-logit)), 4)
    return rounded


def categories(tokens: Tokens, num_texts: int, model: GuardModel) -> list[str]:
    """Return the category that fits each text best."""
    found = [
        (tokens.text[token], bucket) for _, token, bucket in ngrams(tokens, model.class_table, model.category_bits)
    ]
    text, bucket = (np.concatenate(parts) for parts in zip(*found, strict=True))
    size = np.sqrt(np.bincount(text, minlength=num_texts) + 1)
    fits = [
        np.bincount(text, weights=weights[bucket], minlength=num_texts) / size + intercept
        for weights, intercept in zip(model.category_weights, model.category_intercepts, strict=True)
    ]
    return [str(model.categories[best]) for best in np.argmax(fits, axis=0)]


def _logits(weight: Ints, length: Ints, model: GuardModel) -> Floats:
    logits: Floats = weight * model.scale / np.sqrt(length + LENGTH_OFFSET) + model.intercept
    return logits


def _sums_before(numbers: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(numbers)])
