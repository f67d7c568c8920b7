"""Totals of a corpus from some of its files, documents and chunks: each with the interval that the sample allows.

A total is estimated by its ratio to characters and, where not every file was read, theirs by the ratio to bytes
(Cochran, Sampling Techniques, chapters 6 and 11): long documents have more of everything, and the ratio makes use of
that. Intervals are 95 %, by Student's distribution; one ratio on top of another has the product of their ends, which is
on the safe side.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from reflectgen.corpus.chunk import Chunker
from reflectgen.corpus.sources import Source
from reflectgen.records import Chunk, Document, Neighbours
from reflectgen.shards import chunks_of

Z = statistics.NormalDist().inv_cdf(0.975)
CHUNKS_PER_DOCUMENT = 100  # drawn from one document at most, so that a sample of books fits in memory too
LEAST_FILES = 5  # fewer would say next to nothing of how files differ


@dataclass(frozen=True, slots=True)
class Total:
    """An estimate, and the ends of its interval; equal where nothing was left to chance."""

    value: float
    low: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> Total:
        return cls(value, value, value)

    def times(self, other: Total | float) -> Total:
        """Return the total of something of which there is `other` for each; neither is negative."""
        by = other if isinstance(other, Total) else Total.exactly(other)
        return Total(self.value * by.value, self.low * by.low, self.high * by.high)

    def over(self, other: Total) -> Total:
        """Return the quotient; `other` may reach down to 0, and the quotient then up to infinity."""
        high = self.high / other.low if other.low else math.inf
        return Total(self.value / other.value, self.low / other.high, high)

    def plus(self, other: Total) -> Total:
        return Total(self.value + other.value, self.low + other.low, self.high + other.high)


NOTHING = Total.exactly(0.0)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A document of the sample: its `num_chunks` chunks, or some of them, each as likely as any."""

    file: int
    num_characters: int
    num_chunks: int
    chunks: Sequence[tuple[Chunk, Neighbours]]

    @property
    def weight(self) -> float:
        """For how many chunks each of `chunks` stands."""
        return self.num_chunks / len(self.chunks) if self.chunks else 1.0


@dataclass(slots=True)
class _File:
    num_bytes: int
    num_documents: int = 0
    num_characters: int = 0


@dataclass(slots=True)
class Sample:
    """Keeps the chunks of `size` of the documents it is shown, all equally likely (Vitter 1985, algorithm R).

    Show it the documents of a file after `begin_file`. The corpus has `num_files` files of `num_bytes` in all; where
    fewer are shown, they must have been drawn by lot.
    """

    size: int
    seed: int
    chunker: Chunker
    num_files: int = 1
    num_bytes: int = 0
    drawn: list[Drawn] = field(default_factory=list)
    num_shown: int = 0
    _files: list[_File] = field(default_factory=list)
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def begin_file(self, num_bytes: int) -> None:
        self._files.append(_File(num_bytes))

    def show(self, document: Document) -> None:
        self.num_shown += 1
        self._files[-1].num_documents += 1
        self._files[-1].num_characters += len(document.text)
        if len(self.drawn) < self.size:
            self.drawn.append(self._look_at(document))
        elif (place := self._rng.randrange(self.num_shown)) < self.size:
            self.drawn[place] = self._look_at(document)

    @property
    def num_files_read(self) -> int:
        return len(self._files)

    @property
    def documents(self) -> Total:
        return self._by_bytes([file.num_documents for file in self._files])

    @property
    def characters(self) -> Total:
        return self._by_bytes([file.num_characters for file in self._files])

    def total(self, amounts: Sequence[Sequence[float]]) -> Total:
        """Return the corpus's total of what the chunks of each of `drawn` have `amounts` of, in their order."""
        lengths = [one.num_characters for one in self.drawn]
        if not sum(lengths):
            return NOTHING
        known = [one.weight * sum(each) for one, each in zip(self.drawn, amounts, strict=True)]
        within = sum(_within(one, each) for one, each in zip(self.drawn, amounts, strict=True))
        ratio = sum(known) / sum(lengths)
        errors = [amount - ratio * length for amount, length in zip(known, lengths, strict=True)]
        if self.num_files_read == self.num_files:
            seen = len(lengths) / self.num_shown
            if seen == 1 and not within:
                return Total.exactly(sum(known))
        else:  # what files have in common their documents have: a file is one observation
            by_file = [0.0] * self.num_files_read
            for one, error in zip(self.drawn, errors, strict=True):
                by_file[one.file] += error
            errors, seen = by_file, 0.0
        spread = _spread(errors, seen, within) / sum(lengths)
        return Total(ratio, max(0.0, ratio - spread), ratio + spread).times(self.characters)

    def _look_at(self, document: Document) -> Drawn:
        chunks = chunks_of(document, self.chunker.ends(document.text))
        texts = ["", *(chunk.text for chunk in chunks), ""]
        some = sorted(self._rng.sample(range(len(chunks)), min(CHUNKS_PER_DOCUMENT, len(chunks))))
        kept = [(chunks[number], Neighbours(texts[number], texts[number + 2])) for number in some]
        return Drawn(len(self._files) - 1, len(document.text), len(chunks), kept)

    def _by_bytes(self, amounts: Sequence[float]) -> Total:
        if self.num_files_read == self.num_files:
            return Total.exactly(sum(amounts))
        sizes = [file.num_bytes for file in self._files]
        return ratio_of(amounts, sizes, self.num_files_read / self.num_files).times(self.num_bytes)


def ratio_of(amounts: Sequence[float], sizes: Sequence[float], seen: float = 0.0) -> Total:
    """Return the ratio of two sums from pairs that were drawn by lot, which are the share `seen` of all there are."""
    ratio = sum(amounts) / sum(sizes)
    spread = _spread([a - ratio * size for a, size in zip(amounts, sizes, strict=True)], seen) / sum(sizes)
    return Total(ratio, max(0.0, ratio - spread), ratio + spread)


def draw_files(sources: Sequence[Source], max_bytes: int, seed: int) -> list[Source]:
    """Return all sources, or where they have more bytes than that, as many as reach it, by lot; five at least."""
    if sum(source.size_bytes for source in sources) <= max_bytes:
        return list(sources)
    order = random.Random(seed).sample(range(len(sources)), len(sources))
    drawn: list[int] = []
    num_bytes = 0
    for number in order:
        if len(drawn) >= LEAST_FILES and num_bytes >= max_bytes:
            break
        drawn.append(number)
        num_bytes += sources[number].size_bytes
    return [sources[number] for number in sorted(drawn)]


def _within(one: Drawn, amounts: Sequence[float]) -> float:
    """Return the variance of a document's total that comes from having looked at some of its chunks."""
    num_seen = len(amounts)
    if num_seen == one.num_chunks or num_seen < 2:
        return 0.0
    return one.num_chunks**2 * (1 - num_seen / one.num_chunks) * statistics.variance(amounts) / num_seen


def _spread(errors: Sequence[float], seen: float, within: float = 0.0) -> float:
    """Return half the interval of a sum of `errors`, the share `seen` of all; `within` is the variance inside them."""
    number = len(errors)
    between = (1 - seen) * number / (number - 1) * sum(error * error for error in errors) if number > 1 else 0.0
    if number < 2 and seen < 1:
        return math.inf
    return _quantile(number - 1) * math.sqrt(between + seen * within)


def _quantile(degrees: int) -> float:
    """Return Student's 97.5 % quantile (Abramowitz and Stegun, 26.7.5); within 2 % from four degrees on."""
    if not degrees:
        return Z
    return Z + (Z**3 + Z) / (4 * degrees) + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * degrees**2)
