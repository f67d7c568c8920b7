from __future__ import annotations

from typing import Any

import pytest

from reflectgen.evals.medsafetyworld.report.figures import Share, grouped
from reflectgen.evals.medsafetyworld.report.orderings import Compared, Held, orderings
from reflectgen.evals.medsafetyworld.result import ArmResult
from tests.evals.medsafetyworld.report.making import as_in_the_paper, result, stage


def of(results: list[ArmResult], statement: str, measure: str = "prefill, printed") -> Compared:
    (group,) = grouped(results)
    return next(one for one in orderings(group) if one.statement.startswith(statement) and one.measure == measure)


def after_sft(arm: str, num_seeds: int = 5, **shares: Any) -> list[ArmResult]:
    return [result(arm, seed, stages={"sft": stage(**shares)}) for seed in range(num_seeds)]


def test_all_statements_hold_of_results_that_are_as_the_paper_says() -> None:
    (group,) = grouped(as_in_the_paper())
    assert {one.statement: one.held for one in orderings(group)} == {
        one.statement: Held.HOLDS for one in orderings(group)
    }


def test_nothing_is_measured_without_results_of_both_arms() -> None:
    (group,) = grouped(after_sft("baseline", right=0.9, printed=0.9))
    assert {one.held for one in orderings(group)} == {Held.NOT_MEASURED}


@pytest.mark.parametrize(
    ("printed", "num_seeds", "held"),
    [
        (0.3, 1, Held.HOLDS),
        (0.1, 1, Held.SAME_DIRECTION),
        (0.05, 1, Held.NOT_TOLD_APART),
        (0.03, 5, Held.FAILS),
    ],
)
def test_far_above_chance_is_ten_times_it_with_the_whole_interval(printed: float, num_seeds: int, held: Held) -> None:
    found = of(after_sft("filtering", num_seeds, right=0.9, printed=printed), "filtering leaks")
    assert found.held is held
    assert found.other == pytest.approx(0.007)


@pytest.mark.parametrize(
    ("rewrite", "held"),
    [
        (0.6, Held.HOLDS),
        (0.325, Held.SAME_DIRECTION),
        (0.3, Held.SAME_DIRECTION),
        (0.275, Held.NOT_TOLD_APART),
        (0.1, Held.FAILS),
    ],
)
def test_rewrite_is_no_safer_if_it_gives_away_no_less(rewrite: float, held: Held) -> None:
    results = after_sft("filtering", right=0.9, printed=0.3) + after_sft("rewrite", right=0.9, printed=rewrite)
    assert of(results, "rewrite is no safer").held is held


@pytest.mark.parametrize(
    ("srp", "num_seeds", "held"),
    [
        (0.2, 5, Held.HOLDS),
        (0.4, 5, Held.SAME_DIRECTION),  # apart, yet not several times lower
        (0.2, 1, Held.HOLDS),
        (0.65, 1, Held.SAME_DIRECTION),
        (0.8, 5, Held.FAILS),
        (0.7, 1, Held.FAILS),  # not told apart from the other, but from its third
    ],
)
def test_several_times_lower_is_at_most_a_third_and_apart(srp: float, num_seeds: int, held: Held) -> None:
    results = after_sft("filtering", num_seeds, right=0.9, printed=0.7)
    results += after_sft("srp-held-in", num_seeds, right=0.9, printed=0.9, undefended=srp, reflects=True)
    found = of(results, "srp-held-in gives away several times less than filtering", "prefill, undefended")
    assert found.held is held


@pytest.mark.parametrize(
    ("right", "num_seeds", "held"),
    [
        (0.9, 5, Held.HOLDS),
        (0.875, 1, Held.SAME_DIRECTION),
        (0.825, 1, Held.NOT_TOLD_APART),
        (0.7, 5, Held.FAILS),
    ],
)
def test_near_is_less_than_five_points_below(right: float, num_seeds: int, held: Held) -> None:
    results = after_sft("filtering", num_seeds, right=0.9, printed=0.7)
    results += after_sft("srp-held-in", num_seeds, right=right, printed=0.1, reflects=True)
    assert of(results, "srp-held-in is about as good", "general accuracy").held is held


def test_arms_are_compared_on_the_seeds_that_both_have() -> None:
    leaky, tight = stage(0.9, printed=0.9), stage(0.9, printed=0.1)
    filtering = [result("filtering", seed, stages={"sft": leaky if seed < 2 else tight}) for seed in range(4)]
    rewrite = [result("rewrite", seed, stages={"sft": leaky}) for seed in range(2)]
    found = of(filtering + rewrite, "rewrite is no safer")
    assert (found.seeds, found.held) == ((0, 1), Held.SAME_DIRECTION)
    assert isinstance(found.other, Share)
    assert found.other.value == pytest.approx(0.9)
    found = of(filtering[2:] + rewrite, "rewrite is no safer")
    assert (found.seeds, found.held) == ((), Held.NOT_MEASURED)


@pytest.mark.parametrize(("printed", "held"), [(0.725, Held.NOT_TOLD_APART), (0.95, Held.FAILS)])
def test_a_statement_fails_only_where_the_intervals_leave_no_room_for_it(printed: float, held: Held) -> None:
    results = after_sft("held-in", right=0.9, printed=0.7)
    results += after_sft("srp-held-in", right=0.9, printed=printed, reflects=True)
    assert of(results, "srp-held-in also prints less").held is held


def test_a_comparison_is_plain_json_with_its_counts() -> None:
    said = of(as_in_the_paper(), "rewrite is no safer").to_json()
    assert (said["held"], said["arm"], said["one"]["hits"], said["other"]["n"]) == ("holds", "rewrite", 500, 1000)
