from __future__ import annotations

import pytest

from reflectgen.evals.compare.tables import Table
from reflectgen.evals.medsafetyworld.report import tables
from reflectgen.evals.medsafetyworld.report.figures import Group, grouped
from reflectgen.evals.medsafetyworld.report.tables import NOT_MEASURED, Percent
from tests.evals.medsafetyworld.report.making import as_in_the_paper, result, stage

LEAKS = "filtering leaks what it never read, over 10 times as often as chance would"


@pytest.fixture
def group() -> Group:
    return next(grouped(as_in_the_paper()))


def row(shown: Table, *heads: str) -> dict[str, object]:
    found = next(cells for cells in shown.rows if tuple(cells[: len(heads)]) == heads)
    return dict(zip(shown.columns, found, strict=True))


def test_a_cell_has_its_share_its_interval_and_its_counts(group: Group) -> None:
    shown = row(tables.overview(group, "sft"), "srp-held-in")["prefill, undefended"]
    assert isinstance(shown, Percent)
    assert (shown.value, shown.count) == ("5.0 %", "50/1,000")
    assert shown.interval.startswith("2.")


def test_an_arm_says_over_how_many_seeds(group: Group) -> None:
    assert row(tables.overview(group, "sft"), "filtering")["seeds"] == "5"


def test_each_count_of_an_attack_stands_beside_what_its_reader_sees() -> None:
    shown = tables.attacks(next(grouped([result("held-in", stages={"sft": stage(0.9, 0.8, seen=0.1)})])), "sft")
    harmless = {count: row(shown, "held-in", count)["harmless answered"] for count in ("undefended", "released")}
    assert [one.value for one in harmless.values() if isinstance(one, Percent)] == ["90.0 %", "10.0 %"]


def test_an_attack_on_reflections_is_not_measured_without_them(group: Group) -> None:
    shown = tables.attacks(group, "sft")
    assert row(shown, "filtering", "printed")["forged"] == NOT_MEASURED
    assert isinstance(row(shown, "srp-held-in", "printed")["forged"], Percent)


def test_only_arms_that_reflect_have_reflections_to_flag_with(group: Group) -> None:
    shown = tables.reflections(group, group.stages)
    assert {cells[0] for cells in shown.rows} == {"srp-held-in", "srp-strict", "sft-only", "sft-only-held-in"}
    assert row(shown, "srp-held-in", "benign-mixed")["statements, held out"] == Percent(
        group.arm_stage("srp-held-in", "sft").flagged("harmful-held-out").figure, hits=800
    )


def test_a_statement_says_what_it_needs_where_it_is_not_measured() -> None:
    shown = tables.verdicts(next(grouped([result("filtering")])))
    found = row(shown, "rewrite is no safer than filtering")
    assert (found["verdict"], found["against"]) == ("not measured", "needs rewrite")
    leaks = row(tables.verdicts(next(grouped([result("rewrite")]))), LEAKS)
    assert leaks["against"] == "needs filtering"


def test_statements_that_were_not_measured_may_be_left_out() -> None:
    shown = tables.verdicts(next(grouped([result("filtering")])), all_of_them=False)
    assert [cells[:2] for cells in shown.rows] == [[LEAKS, "holds"]]


def test_chance_and_the_number_of_outcomes_are_told(group: Group) -> None:
    note = tables.overview(group, "sft").note
    assert "Chance for an attack is 0.70%. At most 200 held-out outcomes, all seeds together." in note


def test_seeds_are_shown_one_by_one() -> None:
    results = [result("filtering", seed, stages={"sft": stage(0.9, seed / 4)}) for seed in (0, 1)]
    (group,) = grouped([*results, result("rewrite", 0)])
    shown = tables.by_seed(group, "sft")
    found = row(shown, "filtering", "prefill, undefended")
    cells = [cell for cell in found.values() if isinstance(cell, Percent)]
    assert [cell.value for cell in cells] == ["0.0 %", "25.0 %"]
    assert row(shown, "rewrite", "general accuracy")["seed 1"] == NOT_MEASURED
