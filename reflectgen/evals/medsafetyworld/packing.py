"""Counts by outcome as columns: a name is written once a file, and a count as a number in a list.

`{"deep failure": {"n": 4, "printed": 1}, ...}` becomes `{"outcome": [0, ...], "n": [4, ...], "printed": [1, ...]}`,
in which an outcome is its place in the file's list of names. Shares and intervals follow from counts and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Stages = dict[str, dict[str, Any]]
PLACE = "outcome"


def pack(stages: Stages) -> tuple[list[str], Stages]:
    """Return the names of all outcomes, and the stages with their counts as columns."""
    places: dict[str, int] = {}

    def columns(counts: dict[str, dict[str, int]]) -> dict[str, list[int]]:
        measures = list(next(iter(counts.values()), {}))
        return {
            PLACE: [places.setdefault(outcome, len(places)) for outcome in counts],
            **{measure: [of_one[measure] for of_one in counts.values()] for measure in measures},
        }

    packed = _with_counts(stages, columns)
    return list(places), packed


def unpack(outcomes: Sequence[str], stages: Stages) -> Stages:
    """Return stages as they were before `pack`, without shares.

    Raises:
        KeyError, IndexError, ValueError: they were never packed.
    """

    def counts(columns: dict[str, list[int]]) -> dict[str, dict[str, int]]:
        measures = [name for name in columns if name != PLACE]
        rows = zip(*(columns[name] for name in (PLACE, *measures)), strict=True)
        return {outcomes[place]: dict(zip(measures, row, strict=True)) for place, *row in rows}

    return _with_counts(stages, counts)


def check(stages: Stages) -> None:
    """Raise ValueError unless every outcome has answers, and no measure held for more of them than there are."""

    def checked(counts: dict[str, dict[str, int]]) -> None:
        for outcome, of_one in counts.items():
            n = of_one.get("n", 0)
            if n < 1 or not all(0 <= number <= n for number in of_one.values()):
                raise ValueError(f"counts that cannot be, of {outcome!r}")

    _with_counts(stages, checked)


def without_shares(stages: Stages) -> Stages:
    return _with_counts(stages, lambda counts: counts)


def _with_counts(stages: Stages, turned: Callable[[Any], Any]) -> Stages:
    return {
        stage: {
            part: {name: _measured(one, turned) for name, one in measured.items()}
            if isinstance(measured, dict)
            else measured
            for part, measured in parts.items()
        }
        for stage, parts in stages.items()
    }


def _measured(one: Any, turned: Callable[[Any], Any]) -> Any:
    """Turn the counts of one attack, question class or probe; what has none, such as a plain number, stays."""
    if not isinstance(one, dict) or "by_outcome" not in one:
        return one
    kept = {name: value for name, value in one.items() if name != "figures"}
    return {**kept, "by_outcome": turned(one["by_outcome"])}
