"""How a teacher falls into a template: the share of its rationales that are near-duplicates, along the corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_MAX_POINTS = 64


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The rationales from `start` up to, not including, `end` in corpus order, counted from 0."""

    start: int
    end: int
    num_near_duplicates: int

    @property
    def share(self) -> float:
        return self.num_near_duplicates / (self.end - self.start)


class CollapseCurve:
    """Counts near-duplicates of an earlier rationale in stretches of equal length, at most 64 of them.

    Stretches are a power of two long and grow with the job: when all are full, neighbours are joined. So the memory is
    the same for any job, and the same sequence gives the same curve.
    """

    def __init__(self) -> None:
        self._width = 1
        self._counts: list[int] = []
        self.num_rationales = 0

    def add(self, is_near_duplicate: bool) -> None:
        """Count the next rationale in corpus order."""
        if self.num_rationales == self._width * _MAX_POINTS:
            self._counts = [first + second for first, second in _pairs(self._counts)]
            self._width *= 2
        if self.num_rationales % self._width == 0:
            self._counts.append(0)
        self._counts[-1] += is_near_duplicate
        self.num_rationales += 1

    @property
    def num_near_duplicates(self) -> int:
        return sum(self._counts)

    @property
    def points(self) -> list[CurvePoint]:
        """The stretches in order; the last may be shorter."""
        starts = range(0, self.num_rationales, self._width)
        return [
            CurvePoint(start, min(start + self._width, self.num_rationales), count)
            for start, count in zip(starts, self._counts, strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the curve as a JSON object, shares rounded to four places."""
        return {
            "num_rationales": self.num_rationales,
            "num_near_duplicates": self.num_near_duplicates,
            "points": [
                {
                    "start": point.start,
                    "end": point.end,
                    "num_near_duplicates": point.num_near_duplicates,
                    "share": round(point.share, 4),
                }
                for point in self.points
            ],
        }


def _pairs(counts: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(counts[::2], counts[1::2], strict=True))
