"""The guard that ships with the package: a linear n-gram model of a megabyte or two that needs no server.

What it was trained on, what it is good for and what not: docs/guard.md. `scripts/train_guard.py` rebuilds its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from reflectgen.records import Category, Chunk, Label, Provenance, Verdict
from reflectgen.reflection.guard_model import categories, load_model, probabilities, signals, weigh
from reflectgen.reflection.ngrams import Ints, Tokens, tokenize

MODEL_FILE: Final = Path(__file__).with_name("builtin_guard.npz")

_MAX_WORDS: Final = 5
_BATCH_CODE_POINTS: Final = 1 << 16  # about a hundred chunks: the arrays stay in the processor's cache
_PIECE_CODE_POINTS: Final = 1 << 18  # longer texts are judged piece by piece, so that memory stays bounded


class BuiltinGuard:
    """Labels texts by their n-grams. Equal text, equal label, on every machine and in every batch."""

    def __init__(self) -> None:
        self._model, digest = load_model(MODEL_FILE)
        self._provenance = Provenance(role="guard", model=f"builtin-guard-{digest[:12]}")

    @property
    def provenance(self) -> Provenance:
        return self._provenance

    async def label(self, chunks: Sequence[Chunk]) -> list[Label]:
        return self.label_texts([chunk.text for chunk in chunks])

    async def close(self) -> None:
        pass

    def label_texts(self, texts: Sequence[str]) -> list[Label]:
        """Return one label a text, in order; a text longer than 2**18 code points has the label of its worst piece."""
        return list(chain.from_iterable(map(self._label_batch, _batches(texts))))

    def _label_batch(self, texts: Sequence[str]) -> list[Label]:
        if len(texts) == 1 and len(texts[0]) > _PIECE_CODE_POINTS:
            pieces = (self._label_batch([piece])[0] for piece in _pieces(texts[0]))
            return [max(pieces, key=lambda label: label.score)]
        tokens = tokenize(texts)
        weight = weigh(tokens, self._model)
        scores = probabilities(signals(tokens, weight, len(texts), self._model), self._model).tolist()
        bounds = np.searchsorted(tokens.text, np.arange(len(texts) + 1)).tolist()
        # A text in which there is nothing to read says nothing, whatever the model makes of silence.
        labels = [
            Label(Verdict.SAFE, Category.NONE, score if bounds[index] < bounds[index + 1] else 0.0)
            for index, score in enumerate(scores)
        ]
        suspects = [index for index, label in enumerate(labels) if label.score >= self._model.controversial]
        if suspects:
            read_again = tokenize([texts[index] for index in suspects])
            for index, category in zip(suspects, categories(read_again, len(suspects), self._model), strict=True):
                words = _loudest_words(texts[index], tokens, weight, bounds[index], bounds[index + 1])
                labels[index] = Label(self._verdict(scores[index]), Category(category), scores[index], words=words)
        return labels

    def _verdict(self, score: float) -> Verdict:
        return Verdict.UNSAFE if score >= self._model.unsafe else Verdict.CONTROVERSIAL


def _loudest_words(text: str, tokens: Tokens, weight: Ints, first: int, stop: int) -> tuple[str, ...]:
    """Return the words of `text`, its tokens from `first` to `stop`, that weigh most for unsafe, each once."""
    words: dict[str, str] = {}
    for token in first + np.argsort(-weight[first:stop], kind="stable"):
        if weight[token] <= 0 or len(words) == _MAX_WORDS:
            break
        start, end = tokens.span(token)
        word = text[start:end]
        if any(map(str.isalnum, word)):
            words.setdefault(word.casefold(), word)
    return tuple(words.values())


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut the texts into batches of a bounded number of code points; a longer text is a batch of its own."""
    start = size = 0
    for index, text in enumerate(texts):
        if index > start and size + len(text) > _BATCH_CODE_POINTS:
            yield texts[start:index]
            start, size = index, 0
        size += len(text)
    if start < len(texts):
        yield texts[start:]


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _PIECE_CODE_POINTS):
        yield text[start : start + _PIECE_CODE_POINTS]
