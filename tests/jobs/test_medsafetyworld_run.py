"""The smallest world is trained, and the guard's truth comes back from the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reflectgen.errors import RecipeError
from reflectgen.evals.medsafetyworld.arms import ARMS, named_arms
from reflectgen.evals.medsafetyworld.presets import PRESETS
from reflectgen.evals.medsafetyworld.result import ArmResult, read_result, read_results, write_result
from reflectgen.jobs.medsafetyworld_run import Wanted, run_all

pytestmark = [pytest.mark.train, pytest.mark.timeout(300)]

COMMITTED = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "medsafetyworld"
WANTED = [Wanted("tiny", ARMS[name], 0, cue=True) for name in ("srp-held-in", "held-in")]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run_all(WANTED[:1], folder, 1, lambda said: None)
    return folder


def of_arm(out: Path, arm: str) -> ArmResult:
    return next(result for result in read_results(out / "results") if result.arm == arm)


def test_the_model_judges_what_it_has_read_as_the_guard_did(out: Path) -> None:
    statements = of_arm(out, "srp-held-in").stages["sft"]["statements"]

    def share(name: str, measure: str) -> float:
        counts = statements[name]["by_outcome"].values()
        return sum(one[measure] for one in counts) / sum(one["n"] for one in counts)

    assert share("harmful-seen", "flagged") > 0.8
    assert share("safe", "flagged") < 0.05
    assert all(share(name, "judged") > 0.9 for name in statements)


def test_every_stage_is_evaluated(out: Path) -> None:
    stages = of_arm(out, "srp-held-in").stages
    assert list(stages) == ["sft", "benign-raw", "benign-mixed", "benign-reflections"]
    assert set(stages["sft"]["attacks"]) > set(stages["benign-raw"]["attacks"]) == {"the", "forged", "long"}


def test_a_run_that_is_begun_again_does_only_what_is_missing(out: Path) -> None:
    path = out / "results" / WANTED[0].result_name
    before = path.stat().st_mtime_ns
    said: list[str] = []
    run_all(WANTED, out, 2, said.append)
    assert path.stat().st_mtime_ns == before
    assert of_arm(out, "held-in").stages["sft"]["reflections"] == {}
    assert said[0] == f"1 of 2 results are missing in {out / 'results'}; arms at once: 2"
    assert said[1] == "held-in, world tiny-0: making its data"
    assert [line.partition(": general")[0] for line in said[2:]] == ["held-in, seed 0"]


def test_a_result_that_was_lost_is_had_again_from_the_trainings(out: Path) -> None:
    path = out / "results" / WANTED[0].result_name
    before = read_result(path)
    path.unlink()
    run_all(WANTED[:1], out, 1, lambda said: None)
    again = read_result(path)
    assert again.stages == before.stages
    assert again.about["loss"] == before.about["loss"]
    assert None not in again.about["loss"].values()


def test_the_same_seed_gives_the_same_figures(out: Path, tmp_path: Path) -> None:
    run_all(WANTED[1:], out, 1, lambda said: None)
    run_all(WANTED[1:], tmp_path, 1, lambda said: None)
    first, second = of_arm(out, "held-in"), of_arm(tmp_path, "held-in")
    assert first.stages == second.stages
    assert first.about["loss"] == second.about["loss"]


def test_an_arm_is_trained_before_the_data_of_all_are_made(tmp_path: Path) -> None:
    said: list[str] = []
    run_all([Wanted("tiny", ARMS["filtering-plus"], seed, cue=True) for seed in (0, 1)], tmp_path, 1, said.append)
    assert [": general" in line for line in said[1:]] == [False, True, False, True]


def test_a_result_of_another_preset_of_that_name_is_refused(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(PRESETS["tiny"], num_benign=7)
    monkeypatch.setitem(PRESETS, "tiny", other)
    with pytest.raises(RecipeError, match="another definition of its preset"):
        run_all(WANTED[:1], out, 1, lambda said: None)


def test_a_result_that_does_not_say_what_made_it_is_refused(tmp_path: Path) -> None:
    write_result(tmp_path / "results", ArmResult("tiny", "held-in", 0, cue=True, stages={}))
    with pytest.raises(RecipeError, match="another definition of its preset"):
        run_all(WANTED[1:], tmp_path, 1, lambda said: None)


def test_results_of_another_folder_are_not_made_again(out: Path, tmp_path: Path) -> None:
    said: list[str] = []
    run_all(WANTED[:1], tmp_path / "run", 1, said.append, out / "results")
    assert not said
    assert not (tmp_path / "run").exists()


def test_what_arms_have_got_later_is_no_part_of_what_made_the_results_of_earlier_ones() -> None:
    earlier = {"name", "text", "woven", "sft_reflects", "noise", "control"}
    for arm in named_arms("all"):
        assert set(Wanted("demo", arm, 0, True).made_by["arm"]) == earlier
    added = {name for arm in named_arms("beyond") for name in Wanted("demo", arm, 0, True).made_by["arm"]} - earlier
    assert added == {"recovers"}


def test_a_later_checkout_goes_on_from_the_committed_results() -> None:
    results = read_results(COMMITTED)
    assert results
    for one in results:
        assert Wanted(one.preset, ARMS[one.arm], one.seed, one.cue).made_by == one.about["made_by"]
