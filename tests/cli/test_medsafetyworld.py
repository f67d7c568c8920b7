"""`reflectgen medsafetyworld` from the command line."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reflectgen.cli import main
from reflectgen.errors import RecipeError, TrainingError
from reflectgen.evals.medsafetyworld.arms import ARMS
from reflectgen.evals.medsafetyworld.report.markdown import BEGIN, END
from reflectgen.evals.medsafetyworld.result import write_result
from reflectgen.jobs.medsafetyworld_run import Wanted
from tests.evals.medsafetyworld.report.making import result


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["make", "--arms", "nonesuch"], "there is no arm 'nonesuch'"),
        (["make", "--preset", "huge"], "there is no preset 'huge'"),
        (["score", ".", "--url", "http://localhost:9", "--attacks", "nonesuch"], "is no MedSafetyWorld"),
    ],
)
def test_what_is_not_there_is_an_input_error_in_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = ["--out", str(tmp_path / "world")] if arguments[0] == "make" else []
    assert main(["medsafetyworld", *arguments, *out]) == 3
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "world").exists()


def test_one_model_is_scored_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["medsafetyworld", "score", str(tmp_path)]) == 2
    assert "either --checkpoint or --url" in capsys.readouterr().err


def test_training_without_its_extra_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["medsafetyworld", "run", "--out", str(tmp_path / "world")]) == TrainingError.exit_code
    assert "training needs torch: pip install 'reflectgen[train]'" in capsys.readouterr().err
    assert not (tmp_path / "world").exists()


def test_a_report_is_made_of_results_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    write_result(tmp_path / "results", result("filtering"))
    assert main(["medsafetyworld", "report", str(tmp_path / "results"), "--out", str(tmp_path / "report")]) == 0
    written = [Path(line) for line in capsys.readouterr().out.split()]
    assert [path.name for path in written][:2] == ["results.json", "report.html"]
    assert all(path.is_file() for path in written)
    said = json.loads(written[0].read_text())
    assert said["presets"][0]["arms"]["filtering"]["sft"]["general"]["right"]["share"] == 0.9


def test_a_report_writes_the_results_of_a_document_and_its_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib, of the extra train")
    write_result(tmp_path / "results", result("filtering"))
    document = tmp_path / "page.md"
    document.write_text(f"# A page\n\n{BEGIN}\n{END}\n")
    command = ["medsafetyworld", "report", str(tmp_path / "results"), "--out", str(tmp_path / "report")]
    assert main([*command, "--markdown", str(document)]) == 0
    assert "| filtering | 1 | 90.0 (" in document.read_text()
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == ["cpu-attacks.png", "cpu-utility.png"]


def test_a_document_without_a_place_for_results_is_an_input_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_result(tmp_path / "results", result("filtering"))
    (tmp_path / "page.md").write_text("# A page")
    command = ["medsafetyworld", "report", str(tmp_path / "results"), "--out", str(tmp_path / "report")]
    assert main([*command, "--markdown", str(tmp_path / "page.md")]) == 3
    assert "page.md" in capsys.readouterr().err


def test_a_run_needs_no_option_and_takes_the_cores_that_it_may_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="runs need the extra train")
    monkeypatch.chdir(tmp_path)
    asked: list[tuple[Path, int]] = []

    def run_all(wanted: object, out: Path, processes: int, *_: object) -> Path:
        asked.append((out, processes))
        raise RecipeError("enough")

    monkeypatch.setattr("reflectgen.jobs.medsafetyworld_run.run_all", run_all)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 4, 5}, raising=False)
    assert main(["medsafetyworld", "run"]) == RecipeError.exit_code
    assert asked == [(Path("medsafetyworld-out"), 3)]
    assert "enough" in capsys.readouterr().err


def test_a_run_takes_up_results_from_another_folder_and_ends_with_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("torch", "transformers", "accelerate"):
        pytest.importorskip(name, reason="runs need the extra train")
    results, out = tmp_path / "results", tmp_path / "run"
    for seed in (3, 4):
        made_by = Wanted("tiny", ARMS["filtering"], seed, cue=True).made_by
        write_result(results, replace(result("filtering", seed, "tiny"), about={"made_by": made_by}))
    write_result(results, result("[red]other", 3, "tiny", world={"of": "another definition"}))
    command = ["medsafetyworld", "run", "--preset", "tiny", "--arms", "filtering", "--first-seed", "3", "--seeds", "2"]
    assert main([*command, "--results", str(results), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Safety and utility after SFT" in printed
    assert "90.0 %" in printed
    assert [path.name for path in out.iterdir()] == ["report"]  # nothing was made, nothing trained
    said = json.loads((out / "report" / "results.json").read_text())
    assert said["presets"][0]["seeds"] == [3, 4]
    assert list(said["presets"][0]["arms"]) == ["filtering"]
