"""Labelled rows and what recipes made of them, without models."""

from datetime import UTC, datetime

from reflectgen.evals.compare.report import Report, make_report
from reflectgen.evals.compare.result import Answer, RecipeRun, RowResult
from reflectgen.evals.compare.rows import Labelled, LabelledRow
from reflectgen.records import Category, Label, Reflection, Road, Verdict

SAFE, CONTROVERSIAL, UNSAFE = Verdict
WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def row(number: int, is_unsafe: bool, source: str = "forum", **changes: object) -> LabelledRow:
    category = Category.HATE if is_unsafe else None
    given = {"text": f"text {number}", "category": category} | changes
    return LabelledRow(id=f"r{number}", is_unsafe=is_unsafe, source=source, **given)


def result(verdict: Verdict, *reasons: str, rationale: str = "", guard: Verdict | None = None) -> RowResult:
    """A verdict after answers with `reasons`, "" for an accepted one."""
    category = Category.NONE if verdict is SAFE else Category.HATE
    said = Reflection(verdict, category, rationale)
    label = Label(guard or verdict, category, 0.5)
    answers = tuple(Answer(said, reason) for reason in reasons)
    road = Road.TEACHER if "" in reasons else Road.TEMPLATE
    return RowResult(label, answers, verdict, category, road, rationale, float(len(rationale.split())), 0.5)


def run(name: str, *verdicts: Verdict, guard: str = "some-guard") -> RecipeRun:
    return RecipeRun(name, guard, (), "nobody is asked", [result(verdict) for verdict in verdicts])


def report(rows: list[LabelledRow], *runs: RecipeRun, note: str = "") -> Report:
    return make_report(Labelled(("a.jsonl",), rows, []), rows, runs, seed=0, note=note, created_at=WHEN)
