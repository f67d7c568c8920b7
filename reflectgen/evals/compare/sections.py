"""The sections of the page that hold figures: a plot to look at, and a table to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reflectgen.evals.compare import tables
from reflectgen.evals.compare.figure import Figure
from reflectgen.evals.compare.html import legend, table
from reflectgen.evals.compare.measures import Reading
from reflectgen.evals.compare.plots import Line, Mark, bars, dot_plot, histogram
from reflectgen.evals.compare.reflections import BIN_WORDS, LAST_BIN_WORDS
from reflectgen.evals.compare.report import RecipeReport, Report


def glance(report: Report) -> str:
    lines = [
        Line(f"{name}, {group.name}" if number else name, _both(report, number, field))
        for number, group in enumerate(report.recipes[0].groups)
        for name, field in (("precision", "precision"), ("recall", "recall"), ("F1", "f1"))
    ]
    return (
        "<p>Unsafe is the positive class. A filled dot is the strict reading, in which <i>controversial</i> counts as "
        "unsafe; a ring is the loose one, in which it counts as safe. Lines are 95 % intervals.</p>"
        + legend(report)
        + dot_plot("Precision, recall and F1 by recipe", lines)
        + table(tables.overview(report))
        + (table(tables.by_training(report)) if report.seen else "")
    )


def _both(report: Report, number: int, field: str) -> list[Mark]:
    groups = [recipe.groups[number] for recipe in report.recipes]
    return _marks(report, [getattr(getattr(group, reading), field) for group in groups for reading in Reading])


def sources(report: Report) -> str:
    return (
        "<h3>Unsafe rows that are found (recall)</h3>"
        + legend(report)
        + dot_plot("Recall by source", list(_source_lines(report, "recall")))
        + "<h3>Safe rows that are flagged</h3>"
        + dot_plot("Safe rows flagged by source", list(_source_lines(report, "flagged_safe")))
        + "".join(table(tables.by_source(report, reading)) for reading in Reading)
    )


def _source_lines(report: Report, field: str) -> Iterator[Line]:
    """Yield a line for each source that has rows of the kind that `field` is a share of."""
    for groups in zip(*(recipe.sources for recipe in report.recipes), strict=True):
        first = groups[0]
        number = first.num_unsafe if field == "recall" else first.num_rows - first.num_unsafe
        if number:
            name = f"{first.name} †" if first.name in report.seen else first.name
            found = [getattr(group, reading) for group in groups for reading in Reading]
            yield Line(f"{name} ({number:,})", _marks(report, [getattr(one, field) for one in found]))


def _marks(report: Report, figures: Sequence[Figure]) -> list[Mark]:
    """Return the marks of figures that are there for every recipe in both readings, strict first."""
    ways = [(colour, recipe, way) for colour, recipe in enumerate(report.recipes) for way in Reading]
    return [
        Mark(f"{recipe.name}, {way}", figure, colour, hollow=way is Reading.LOOSE)
        for (colour, recipe, way), figure in zip(ways, figures, strict=True)
    ]


def hazards(report: Report) -> str:
    if not report.recipes[0].hazards:
        return ""
    lines = [
        Line(
            f"{found[0].name} ({found[0].num_rows:,})",
            _marks(report, [share for one in found for share in (one.recall_strict, one.recall_loose)]),
        )
        for found in zip(*(recipe.hazards for recipe in report.recipes), strict=True)
    ]
    return (
        "<p>Which share of the rows of each hazard is flagged at all. The table also says whether the hazard was "
        "called by its name, one against the rest.</p>"
        + legend(report)
        + dot_plot("Recall by hazard", lines)
        + table(tables.by_hazard(report))
    )


def lookalikes(report: Report) -> str:
    if not report.recipes[0].lookalikes:
        return ""
    lines = [
        Line(
            f"{found[0].name} ({found[0].num_rows:,})",
            _marks(report, [share for one in found for share in (one.strict, one.loose)]),
        )
        for found in zip(*(recipe.lookalikes for recipe in report.recipes), strict=True)
    ]
    return (
        "<p>Safe rows made or chosen to look like unsafe ones. The share that is flagged should be low.</p>"
        + legend(report)
        + dot_plot("Look-alikes flagged", lines)
        + table(tables.by_lookalike(report))
    )


def agreement(report: Report) -> str:
    if not report.agreements:
        return ""
    lines = [
        Line(f"{one.one} and {one.other}", [Mark("Cohen's kappa", _above_zero(one.kappa))]) for one in report.agreements
    ]
    return (
        "<p>On the three verdicts. Kappa is 1 where two recipes always agree and 0 where they agree as often as chance "
        "would have it; below 0, which the plot shows as 0, they agree less often than that.</p>"
        + dot_plot("Cohen's kappa of each pair", lines)
        + table(tables.agreement(report))
        + "".join(table(shown) for shown in tables.verdict_tables(report))
    )


def _above_zero(figure: Figure) -> Figure:
    if figure.value is None or figure.low is None or figure.high is None:
        return figure
    return Figure(max(0.0, figure.value), figure.n, max(0.0, figure.low), max(0.0, figure.high))


def reflections(report: Report) -> str:
    reasons = dict.fromkeys(reason for recipe in report.recipes for reason in recipe.reflections.reasons)
    numbered = list(enumerate(report.recipes))
    shown = [("accepted", [(r.name, n, _num_accepted(r), r.reflections.accepted.n) for n, r in numbered])]
    shown += [
        (reason, [(r.name, n, r.reflections.reasons.get(reason, 0), r.reflections.accepted.n) for n, r in numbered])
        for reason in reasons
    ]
    bins = [f"{start}–{start + BIN_WORDS - 1}" for start in range(0, LAST_BIN_WORDS, BIN_WORDS)] + [
        f"{LAST_BIN_WORDS}+"
    ]
    grounding = [Line("grounding, mean", [Mark(r.name, r.reflections.grounding, n) for n, r in numbered])]
    histograms = "".join(histogram(r.name, r.reflections.words_by_bin, bins, n) for n, r in numbered)
    return (
        "<p>Answers that the filters accepted, and the reasons against the others; each share is of all answers of "
        "that recipe.</p>"
        + legend(report, readings=False)
        + bars("What became of the answers", shown)
        + table(tables.acceptance(report))
        + table(tables.roads(report))
        + "<h3>Grounding</h3><p>Which share of what a rationale names is in the text. Paraphrase lowers it: compare "
        "recipes by it, not with 1.</p>"
        + dot_plot("Mean grounding", grounding)
        + f'<h3>Words in a rationale</h3><div class="histograms">{histograms}</div>'
    )


def _num_accepted(recipe: RecipeReport) -> int:
    return recipe.reflections.accepted.n - sum(recipe.reflections.reasons.values())
