"""A report as tables, the same ones for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reflectgen.evals.compare.figure import Figure
from reflectgen.evals.compare.measures import Detection, Group, Reading
from reflectgen.evals.compare.reflections import Cost
from reflectgen.evals.compare.report import RecipeReport, Report
from reflectgen.records import Verdict

NO_DATA = "no data"
ROADS = {
    "teacher": "teacher's first answer",
    "asked_again": "teacher's later answer",
    "overruled": "guard overruled the teacher",
    "fallback": "template, no answer accepted",
    "template": "template, teacher not asked",
}


@dataclass(frozen=True, slots=True)
class Share:
    """A figure that is shown as it is: a rate from 0 to 1 unless `places` says otherwise."""

    figure: Figure
    places: int = 3

    @property
    def value(self) -> str:
        return NO_DATA if self.figure.value is None else f"{self.figure.value:,.{self.places}f}"

    @property
    def interval(self) -> str:
        if self.figure.low is None or self.figure.high is None:
            return ""
        return f"{self.figure.low:,.{self.places}f} to {self.figure.high:,.{self.places}f}"

    @property
    def count(self) -> str:
        return "" if self.figure.value is None else f"n {self.figure.n:,}"


Cell = str | Share


@dataclass(frozen=True, slots=True)
class Table:
    """`title` says what the numbers are; the first `num_heads` columns name the row. `note` is for readers of it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    num_heads: int = 1
    note: str = ""


def overview(report: Report) -> Table:
    """One column a recipe: the figures that one looks at first."""
    recipes = report.recipes
    rows = list(_verdict_rows(report, 0))
    if recipes[0].lookalikes:
        rows.append(["look-alikes flagged, strict", *(Share(one.lookalikes[0].strict) for one in recipes)])
        rows.append(["look-alikes flagged, loose", *(Share(one.lookalikes[0].loose) for one in recipes)])
    rows += [
        ["rows that reach the teacher", *(Share(one.reflections.asked) for one in recipes)],
        ["answers accepted", *(Share(one.reflections.accepted) for one in recipes)],
        ["teacher differs from guard", *(Share(one.reflections.differs) for one in recipes)],
        ["grounding, mean", *(Share(one.reflections.grounding) for one in recipes)],
        ["words in a rationale, mean", *(Share(one.reflections.words, 1) for one in recipes)],
        ["calls to endpoints", *(f"{one.cost.num_calls:,}" for one in recipes)],
        ["tokens", *(f"{one.cost.prompt_tokens + one.cost.completion_tokens:,}" for one in recipes)],
        ["cost of a thousand rows", *(_money(one.cost) for one in recipes)],
    ]
    return Table("At a glance", ["measure", *(one.name for one in recipes)], rows)


def by_training(report: Report) -> Table:
    """The verdicts again, over rows that the built-in guard was fitted on and over the others."""
    rows = [row for number in (1, 2) for row in _verdict_rows(report, number)]
    return Table("Seen by the built-in guard or not", ["measure", *(one.name for one in report.recipes)], rows)


def _verdict_rows(report: Report, number: int) -> Iterator[list[Cell]]:
    groups = [recipe.groups[number] for recipe in report.recipes]
    where = f", {groups[0].name}" if number else ""
    for reading in Reading:
        read: list[Detection] = [getattr(one, reading) for one in groups]
        yield [f"precision, {reading}{where}", *(Share(one.precision) for one in read)]
        yield [f"recall, {reading}{where}", *(Share(one.recall) for one in read)]
        yield [f"F1, {reading}{where}", *(Share(one.f1) for one in read)]
        yield [f"safe rows flagged, {reading}{where}", *(Share(one.flagged_safe) for one in read)]


def by_source(report: Report, reading: Reading) -> Table:
    """One row a source and recipe."""
    rows = [
        [
            _marked(group, report),
            recipe.name,
            f"{group.num_rows:,}",
            f"{group.num_unsafe:,}",
            *_detected(group, reading),
        ]
        for groups in zip(*(recipe.sources for recipe in report.recipes), strict=True)
        for recipe, group in zip(report.recipes, groups, strict=True)
    ]
    columns = ["source", "recipe", "rows", "unsafe", "precision", "recall", "F1", "safe flagged"]
    note = "† rows, or requests in them, that the built-in guard was fitted on." if report.seen else ""
    return Table(f"Verdicts by source, {reading} reading", columns, rows, num_heads=2, note=note)


def by_hazard(report: Report) -> Table:
    """One row a hazard and recipe."""
    rows = [
        [
            hazard.name,
            recipe.name,
            f"{hazard.num_rows:,}",
            Share(hazard.recall_strict),
            Share(hazard.recall_loose),
            Share(hazard.named_precision),
            Share(hazard.named_recall),
            Share(hazard.named_f1),
        ]
        for hazards in zip(*(recipe.hazards for recipe in report.recipes), strict=True)
        for recipe, hazard in zip(report.recipes, hazards, strict=True)
    ]
    columns = ["hazard", "recipe", "unsafe", "recall, strict", "recall, loose"]
    columns += ["named: precision", "named: recall", "named: F1"]
    return Table("Unsafe rows by hazard", columns, rows, num_heads=2)


def by_lookalike(report: Report) -> Table:
    """One row a group of look-alikes and recipe."""
    rows = [
        [alike.name, recipe.name, Share(alike.strict), Share(alike.loose)]
        for group in zip(*(recipe.lookalikes for recipe in report.recipes), strict=True)
        for recipe, alike in zip(report.recipes, group, strict=True)
    ]
    columns = ["look-alikes", "recipe", "flagged, strict", "flagged, loose"]
    return Table("Safe look-alikes that are flagged", columns, rows, num_heads=2)


def agreement(report: Report) -> Table:
    """One row a pair of recipes."""
    rows: list[list[Cell]] = [[one.one, one.other, Share(one.kappa), Share(one.same)] for one in report.agreements]
    return Table("Agreement between recipes", ["recipe", "and", "Cohen's kappa", "same verdict"], rows, num_heads=2)


def verdict_tables(report: Report) -> Iterator[Table]:
    """Yield each pair's counts of verdicts against verdicts."""
    for one in report.agreements:
        columns = [f"{one.one} ↓, {one.other} →", *(verdict.value for verdict in Verdict)]
        rows = [
            [verdict.value, *(f"{n:,}" for n in counts)] for verdict, counts in zip(Verdict, one.counts, strict=True)
        ]
        yield Table(f"Verdicts of {one.one} and {one.other}", columns, rows)


def acceptance(report: Report) -> Table:
    """Answers by what became of them; each share is of all answers."""
    reasons = list(dict.fromkeys(reason for one in report.recipes for reason in one.reflections.reasons))
    rows: list[list[Cell]] = [["accepted", *(_of_answers(one, None) for one in report.recipes)]]
    rows += [[reason, *(_of_answers(one, reason) for one in report.recipes)] for reason in reasons]
    rows.append(["all answers", *(f"{one.reflections.accepted.n:,}" for one in report.recipes)])
    return Table("What became of the answers", ["answer", *(one.name for one in report.recipes)], rows)


def roads(report: Report) -> Table:
    """Rows by how they came by their reflection."""
    rows = [
        [said, *(f"{one.reflections.roads.get(road, 0):,}" for one in report.recipes)]
        for road, said in ROADS.items()
        if any(one.reflections.roads.get(road) for one in report.recipes)
    ]
    return Table("How rows came by their reflection", ["road", *(one.name for one in report.recipes)], rows)


def costs(report: Report) -> Table:
    """One row a recipe, role and endpoint."""
    rows: list[list[Cell]] = []
    for recipe in report.recipes:
        for used in recipe.cost.by_role:
            tokens = [f"{used.num_calls:,}", f"{used.prompt_tokens:,}", f"{used.completion_tokens:,}"]
            rows.append([recipe.name, used.role, used.endpoint, *tokens, _sum(used.cost)])
        if not recipe.cost.by_role:
            rows.append([recipe.name, "all", "none: in this process", "0", "0", "0", "0"])
    columns = ["recipe", "role", "endpoint", "calls", "prompt tokens", "answer tokens", "cost"]
    return Table("What it took", columns, rows, num_heads=3, note="Retries and rejected answers are included.")


def _money(cost: Cost) -> str:
    return "0" if not cost.num_calls else _sum(cost.per_thousand_rows)


def _sum(amount: float | None) -> str:
    return "no price" if amount is None else f"{amount:,.4g}"


def _of_answers(recipe: RecipeReport, reason: str | None) -> Cell:
    answers = recipe.reflections.accepted.n
    if not answers:
        return NO_DATA
    number = sum(recipe.reflections.reasons.values())
    number = answers - number if reason is None else recipe.reflections.reasons.get(reason, 0)
    return f"{number:,} ({number / answers:.1%})"


def _detected(group: Group, reading: Reading) -> Iterator[Cell]:
    found: Detection = getattr(group, reading)
    yield from (Share(found.precision), Share(found.recall), Share(found.f1), Share(found.flagged_safe))


def _marked(group: Group, report: Report) -> str:
    return f"{group.name} †" if group.name in report.seen else group.name
