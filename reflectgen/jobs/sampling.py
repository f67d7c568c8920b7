"""Totals of a corpus from a sample of its documents: each with the interval that the sample allows.

A total is estimated by its ratio to characters, whose number is known (Cochran, Sampling Techniques, chapter 6): long
documents have more of everything, and the ratio makes use of that. Intervals are 95 %, by the normal approximation.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from reflectgen.records import Document

Z = statistics.NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Total:
    """An estimate, and the ends of its interval; equal where nothing was left to chance."""

    value: float
    low: float
    high: float

    def times(self, factor: float, low: float | None = None, high: float | None = None) -> Total:
        """Return the total of something of which there is `factor` for each; the factor may have an interval too."""
        return Total(self.value * factor, self.low * (low or factor), self.high * (high or factor))

    def plus(self, other: Total) -> Total:
        return Total(self.value + other.value, self.low + other.low, self.high + other.high)


NOTHING = Total(0.0, 0.0, 0.0)


class Reservoir:
    """Keeps `size` of the documents it is shown, all equally likely (Vitter 1985, algorithm R), and counts them all."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._rng = random.Random(seed)
        self.documents: list[Document] = []
        self.num_documents = self.num_characters = 0

    def show(self, document: Document) -> None:
        self.num_documents += 1
        self.num_characters += len(document.text)
        if len(self.documents) < self._size:
            self.documents.append(document)
        elif (place := self._rng.randrange(self.num_documents)) < self._size:
            self.documents[place] = document

    def total(self, amounts: Sequence[float]) -> Total:
        """Return the whole corpus's total of what each kept document has `amounts` of, in the documents' order."""
        lengths = [len(document.text) for document in self.documents]
        number, length = len(lengths), sum(lengths)
        if not length:
            return NOTHING
        if number == self.num_documents:
            known = float(sum(amounts))
            return Total(known, known, known)
        ratio = sum(amounts) / length
        value = ratio * self.num_characters
        if number < 2:
            return Total(value, 0.0, math.inf)
        squares = sum((a - ratio * x) ** 2 for a, x in zip(amounts, lengths, strict=True)) / (number - 1)
        unseen = 1 - number / self.num_documents
        spread = Z * self.num_characters / (length / number) * math.sqrt(unseen * squares / number)
        return Total(value, max(0.0, value - spread), value + spread)
