"""Everything a comparison found, as values: what `compare.json` holds, and what tables and page show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from reflectgen import __version__
from reflectgen.evals.compare.agreement import Agreement, agreements
from reflectgen.evals.compare.differences import Difference, differences
from reflectgen.evals.compare.measures import (
    Group,
    Hazard,
    Lookalikes,
    Measured,
    by_source,
    group,
    hazards,
    lookalikes,
)
from reflectgen.evals.compare.reflections import Cost, Reflections, cost, reflections
from reflectgen.evals.compare.result import RecipeRun
from reflectgen.evals.compare.rows import Labelled, LabelledRow
from reflectgen.evals.compare.seen import caveat, seen_sources

SCHEMA_VERSION = 1
SHOWN_DIFFERENCES = 40
ALL_ROWS = "all rows"


@dataclass(frozen=True, slots=True)
class RecipeReport:
    """One recipe's figures. `groups` begins with all rows."""

    name: str
    guard: str
    teachers: tuple[str, ...]
    policy: str
    groups: tuple[Group, ...]
    sources: tuple[Group, ...]
    hazards: tuple[Hazard, ...]
    lookalikes: tuple[Lookalikes, ...]
    reflections: Reflections
    cost: Cost

    @property
    def overall(self) -> Group:
        return self.groups[0]


@dataclass(frozen=True, slots=True)
class Report:
    """`num_read` rows were labelled, `num_rows` of them were measured on. `note` is the user's, `caveat` ours.

    `seen` names the sources that the built-in guard was fitted on, where it takes part.
    """

    files: tuple[str, ...]
    num_read: int
    num_rows: int
    seed: int
    rejected: Mapping[str, int]
    recipes: tuple[RecipeReport, ...]
    agreements: tuple[Agreement, ...]
    differences: tuple[Difference, ...]
    num_differences: int
    seen: tuple[str, ...]
    caveat: str
    note: str
    created_at: datetime
    code_version: str = __version__

    def to_json(self) -> dict[str, Any]:
        """Return what `compare.json` holds. Texts and rationales are not in it; differences are there by row id."""
        said = {"schema_version": SCHEMA_VERSION, **asdict(self), "created_at": self.created_at.isoformat()}
        said["differences"] = [one.row.id for one in self.differences]
        return said


def make_report(
    labelled: Labelled,
    rows: Sequence[LabelledRow],
    runs: Sequence[RecipeRun],
    *,
    seed: int,
    note: str,
    created_at: datetime,
) -> Report:
    """Measure every run on `rows`, all of `labelled` or a sample of them. `seed` is that of all chance in it."""
    guards = [run.guard for run in runs]
    seen = seen_sources(guards, rows)
    sample, num_differences = differences(rows, runs, SHOWN_DIFFERENCES, seed)
    return Report(
        files=labelled.files,
        num_read=len(labelled.rows),
        num_rows=len(rows),
        seed=seed,
        rejected=dict(Counter(row.reason for row in labelled.rejected).most_common()),
        recipes=tuple(_recipe(run, rows, seen) for run in runs),
        agreements=tuple(agreements(runs, seed)),
        differences=tuple(sample),
        num_differences=num_differences,
        seen=tuple(sorted(seen)),
        caveat=caveat(guards, rows),
        note=note,
        created_at=created_at,
    )


def _recipe(run: RecipeRun, rows: Sequence[LabelledRow], seen: Collection[str]) -> RecipeReport:
    measured = list(zip(rows, run.results, strict=True))
    return RecipeReport(
        name=run.name,
        guard=run.guard,
        teachers=run.teachers,
        policy=run.policy,
        groups=tuple(_groups(measured, seen)),
        sources=tuple(by_source(measured)),
        hazards=tuple(hazards(measured)),
        lookalikes=tuple(lookalikes(measured)),
        reflections=reflections(run.results),
        cost=cost(run.used, len(rows), run.seconds),
    )


def _groups(measured: Sequence[Measured], seen: Collection[str]) -> Iterator[Group]:
    """Yield the figures over all rows and, where the built-in guard knows some of them, over those and the others."""
    yield group(ALL_ROWS, measured)
    if seen:
        yield group("seen in training †", [one for one in measured if one[0].source in seen])
        yield group("not seen in training", [one for one in measured if one[0].source not in seen])
