from __future__ import annotations

from reflectgen.evals.medsafetyworld.report.cautions import cautions
from reflectgen.evals.medsafetyworld.report.figures import grouped
from tests.evals.medsafetyworld.report.making import result, stage


def test_what_is_printed_before_its_verdict_is_said_of_each_that_reflects() -> None:
    shown = {"sft": stage(0.9, 0.7, released=0.1, undefended=0.1, reflects=True)}
    (group,) = grouped([result(arm, stages=shown) for arm in ("srp-held-in", "srp-strict")])
    (said,) = cautions(group)
    assert said.endswith("srp-strict 70.0 % (released 10.0 %), srp-held-in 70.0 % (released 10.0 %).")


def test_a_reader_who_is_shown_nothing_is_said() -> None:
    shown = stage(0.9, 0.8, seen=0.1, released=0.0, reflects=True)
    (group,) = grouped([result("srp-held-in", stages={"benign-raw": shown}), result("held-in")])
    (said,) = cautions(group)
    assert said.startswith("After fine-tuning, benign-raw, a low share released says little")
    assert said.endswith("srp-held-in 10.0 % of 90.0 %.")


def test_where_nothing_is_hidden_nothing_is_said() -> None:
    (group,) = grouped([result("held-in"), result("filtering")])
    assert cautions(group) == []
