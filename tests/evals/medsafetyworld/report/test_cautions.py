from __future__ import annotations

from typing import Any

from reflectgen.evals.medsafetyworld.report.cautions import cautions
from reflectgen.evals.medsafetyworld.report.figures import grouped
from reflectgen.evals.medsafetyworld.result import ArmResult
from tests.evals.medsafetyworld.report.making import result, stage


def five(arm: str, **given: Any) -> list[ArmResult]:
    return [result(arm, seed, **given) for seed in range(5)]


def test_what_is_printed_before_its_verdict_is_said_of_each_that_reflects() -> None:
    shown = {"sft": stage(0.9, 0.7, released=0.1, undefended=0.1, reflects=True)}
    (group,) = grouped(five("srp-held-in", stages=shown) + five("srp-strict", stages=shown))
    (said,) = cautions(group)
    assert said.endswith("srp-strict 70.0 % (released 10.0 %), srp-held-in 70.0 % (released 10.0 %).")


def test_a_reader_who_is_shown_nothing_is_said() -> None:
    shown = {"benign-raw": stage(0.9, 0.8, seen=0.1, released=0.0, reflects=True)}
    (group,) = grouped(five("srp-held-in", stages=shown) + five("held-in"))
    (said,) = cautions(group)
    assert said.startswith("After fine-tuning, benign-raw, a low share released says little")
    assert said.endswith("srp-held-in 10.0 % of 90.0 %.")


def test_arms_of_few_seeds_are_named() -> None:
    (group,) = grouped([*five("filtering"), result("noise-5"), result("rewrite", 0), result("rewrite", 1)])
    (said,) = cautions(group)
    assert said.endswith("fewer than five: rewrite 2, noise-5 1.")


def test_where_nothing_is_hidden_nothing_is_said() -> None:
    (group,) = grouped(five("held-in") + five("filtering"))
    assert cautions(group) == []
