"""`reflectgen jobs train` and its like, against a real service in this process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reflectgen.store import tasks
from tests.api.worlds import World, serving, world, write_registry


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path / "data", registry=write_registry(tmp_path)) as made, serving(made) as url:
        monkeypatch.setenv("REFLECTGEN_API_URL", url)
        monkeypatch.setenv("REFLECTGEN_API_KEY", made.key("admin"))
        yield made


@pytest.fixture
def job_id(here: World) -> str:
    return here.finished_job(here.client("admin"))


def said(*arguments: object) -> tuple[int, str, str]:
    """Run a command in a process of its own; the service's log is in this one's output."""
    command = [sys.executable, "-m", "reflectgen", "jobs", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    return done.returncode, done.stdout, done.stderr


def test_a_training_is_asked_for_listed_and_deleted(here: World, job_id: str) -> None:
    code, printed, _ = said("train", job_id, "nano", "--arm", "raw")
    training_id = printed.strip()
    assert (code, training_id[:9]) == (0, "training_")
    assert said("trainings", job_id)[1].strip() == f"{training_id}  nano on raw  waiting"
    (row,) = said("trainings", job_id, "--json")[1].splitlines()
    assert json.loads(row)["arm"] == "raw"
    assert said("delete-training", job_id, training_id, "--yes")[0] == 0
    assert said("trainings", job_id)[1] == ""


def test_a_finished_model_is_downloaded(here: World, job_id: str, tmp_path: Path) -> None:
    training_id = here.finished_training(job_id)
    code, printed, followed = said("model", job_id, training_id, "--out", tmp_path / "out")
    assert (code, printed.strip()) == (0, str(tmp_path / "out"))
    assert followed.strip() == f"{training_id}  nano on srp  done  step 4 of 4  loss 2.500"
    assert (tmp_path / "out/model/model.safetensors").exists()
    assert (tmp_path / "out/manifest.json").exists()


def test_a_failed_one_is_said_in_one_line_with_what_to_do(here: World, job_id: str, tmp_path: Path) -> None:
    training_id = said("train", job_id, "nano")[1].strip()
    with here.store.write() as connection:
        claim = tasks.claim(connection, here.queue.rung[-1].task_id, "a worker", 60.0)
        assert claim is not None
        tasks.set_aside(connection, claim, "loss nan")
    code, printed, followed = said("model", job_id, training_id, "--out", tmp_path / "out")
    assert (code, printed) == (10, "")
    last = followed.splitlines()[-1]
    assert f"{training_id} failed: loss nan; mend that, then `reflectgen jobs retry {job_id}`" in last


def test_a_name_that_is_not_offered_is_an_error_of_the_input(job_id: str) -> None:
    code, _, followed = said("train", job_id, "huge")
    assert (code, "there is no such training" in followed) == (3, True)
