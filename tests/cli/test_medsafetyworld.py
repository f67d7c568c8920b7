"""`reflectgen medsafetyworld` from the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reflectgen.cli import main
from reflectgen.errors import TrainingError


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
