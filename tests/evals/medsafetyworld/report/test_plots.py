"""Pictures are drawn of whatever there is, and say in words what they show."""

from __future__ import annotations

import pytest

from reflectgen.evals.medsafetyworld.report.figures import grouped
from reflectgen.evals.medsafetyworld.report.picture import DARK, LIGHT, png
from reflectgen.evals.medsafetyworld.report.plots import plots
from tests.evals.medsafetyworld.report.making import as_in_the_paper, result, stage


def test_a_preset_has_a_picture_of_everything_that_was_measured() -> None:
    (group,) = grouped(as_in_the_paper())
    assert [plot.name for plot in plots(group)] == [
        "cpu-utility",
        "cpu-attacks",
        "cpu-reflections",
        "cpu-fine-tuning-utility",
        "cpu-fine-tuning-attacks",
    ]
    (group,) = grouped([result("filtering")])
    assert [plot.name for plot in plots(group)] == ["cpu-utility", "cpu-attacks"]


def test_the_words_of_a_picture_have_its_figures_and_what_is_seen() -> None:
    (group,) = grouped([result("srp-held-in", stages={"sft": stage(0.9, 0.8, seen=0.1, released=0.0)})])
    alt = plots(group)[0].alt
    assert "srp-held-in after sft: general accuracy 90.0% (10.0% seen), printed 80.0%" in alt
    assert "released 0.0%" in alt


def test_pictures_are_small_and_the_same_again_and_differ_by_dress() -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib, of the extra train")
    (group,) = grouped([result("filtering"), result("a $x^{ name", stages={"sft": stage(0.5, 0.5, reflects=True)})])
    plot = plots(group)[0]
    light = png(plot, LIGHT)
    assert light.startswith(b"\x89PNG")
    assert len(light) < 100_000
    assert light == png(plot, LIGHT) != png(plot, DARK)


def test_every_picture_can_be_drawn() -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib, of the extra train")
    stages = {name: stage(0.9, 0.8, reflects=True) for name in ("sft", "benign-raw")}
    (group,) = grouped([result("srp-held-in", stages=stages), result("filtering")])
    assert all(png(plot).startswith(b"\x89PNG") for plot in plots(group))
