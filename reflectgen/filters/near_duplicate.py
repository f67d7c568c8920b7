"""Reject a rationale that a job keeps writing with a word changed here and there.

Like `RepeatedBoilerplate` this looks across a job: a final pass feeds it the accepted rationales in corpus order, so
that the number of workers changes nothing. Candidates are found by MinHash and banding (Broder 1997; Leskovec,
Rajaraman and Ullman, Mining of Massive Datasets, chapter 3) and then compared exactly, so a rejection never rests on
an estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from struct import Struct
from typing import ClassVar, Final

from reflectgen.filters.collapse_curve import CollapseCurve
from reflectgen.records import ACCEPTED, Decision, reject
from reflectgen.reflection.words import split_words

# Eight bands of four: two rationales of similarity s are compared with a chance of 1 - (1 - s**4)**8, which is 0.89 for
# 0.7, 0.98 for 0.8 and 0.40 for 0.5.
_BANDS: Final = 8
_ROWS: Final = 4
_SEED: Final = 1
_DIGEST: Final = Struct(f"<{_BANDS * _ROWS}L")


@dataclass(slots=True)
class _Group:
    """Rationales that are near-duplicates of the first one, whose words are `joined`.

    `texts` are the keys of the chunks that may keep theirs.
    """

    joined: str
    bands: Sequence[bytes]
    texts: set[bytes] = field(default_factory=set)


class NearDuplicates:
    """One rationale and its near-duplicates may serve `max_repeats` chunks of different text; the others are rejected.

    Two rationales are near-duplicates where the Jaccard similarity of their words and pairs of neighbouring words is at
    least `threshold`: in twelve words one may be another. The first of a group stands for it.

    `max_groups` bounds the memory, at about 1.5 KB each: the group that was not met for longest is forgotten. So a
    template that keeps coming back is known however long the job is, and a rationale that comes back after as many
    others that are unlike it is new again.
    """

    name: ClassVar[str] = "near_duplicate"

    def __init__(self, max_repeats: int = 20, threshold: float = 0.7, max_groups: int = 1 << 15) -> None:
        if not 0 < threshold <= 1 or max_repeats < 1 or max_groups < 1:
            raise ValueError("near-duplicates need a threshold above 0 and up to 1, and repeats and groups from 1")
        self.max_repeats = max_repeats
        self.threshold = threshold
        self.max_groups = max_groups
        self.curve = CollapseCurve()
        self._groups: dict[int, _Group] = {}  # by number, the one met last at the end
        self._bands: list[dict[bytes, int]] = [{} for _ in range(_BANDS)]  # the newest group with that band
        self._num_groups = 0

    def decide(self, rationale: str, chunk_key: bytes) -> Decision:
        """Decide on the next rationale in corpus order, and remember it.

        `chunk_key` is equal for equal texts: the same text again is no repetition.
        """
        words = split_words(rationale)
        bands = _bands_of(words)
        number = self._find(words, bands)
        if number is None:
            self._add(_Group(" ".join(words), bands, {chunk_key}))
            self.curve.add(False)
            return ACCEPTED
        group = self._groups[number] = self._groups.pop(number)
        is_repeated = group.texts != {chunk_key}
        self.curve.add(is_repeated)
        if chunk_key in group.texts or len(group.texts) < self.max_repeats:
            group.texts.add(chunk_key)
            return ACCEPTED
        return reject(self.name, f"much like the rationale of {len(group.texts)} earlier chunks")

    def _find(self, words: Sequence[str], bands: Sequence[bytes]) -> int | None:
        """Return the most similar group; of equally similar ones, the oldest."""
        numbers = {known[band] for known, band in zip(self._bands, bands, strict=True) if band in known}
        if not numbers:
            return None
        shingles = _shingles(words)
        best, minus_number = max((_overlap(shingles, self._groups[n].joined), -n) for n in numbers)
        return -minus_number if best >= self.threshold else None

    def _add(self, group: _Group) -> None:
        if len(self._groups) >= self.max_groups:
            forgotten = next(iter(self._groups))
            for known, band in zip(self._bands, self._groups.pop(forgotten).bands, strict=True):
                if known.get(band) == forgotten:
                    del known[band]
        self._groups[self._num_groups] = group
        for known, band in zip(self._bands, group.bands, strict=True):
            known[band] = self._num_groups
        self._num_groups += 1


def similarity(words: Sequence[str], other: Sequence[str]) -> float:
    """Return the Jaccard similarity, 0 to 1, of the words and pairs of neighbouring words; 1 for two without any."""
    return _overlap(_shingles(words), " ".join(other))


def _overlap(shingles: set[str], joined: str) -> float:
    others = _shingles(joined.split())
    num_shared = len(shingles & others)
    num_all = len(shingles) + len(others) - num_shared
    return num_shared / num_all if num_all else 1.0


def _shingles(words: Sequence[str]) -> set[str]:
    return {*words, *map(" ".join, pairwise(words))}


def _bands_of(words: Sequence[str]) -> list[bytes]:
    from rensa import RMinHash

    minhash = RMinHash(_BANDS * _ROWS, _SEED)
    minhash.update(list(_shingles(words)))
    digest = _DIGEST.pack(*minhash.digest())
    size = len(digest) // _BANDS
    return [digest[start : start + size] for start in range(0, len(digest), size)]
