"""MedSafetyWorld's corpora go through a whole job."""

from __future__ import annotations

from pathlib import Path

import pytest

from reflectgen.errors import RecipeError
from reflectgen.evals.medsafetyworld.arms import ARMS, Arm, Text
from reflectgen.evals.medsafetyworld.reading import Reader
from reflectgen.evals.medsafetyworld.world import make_world
from reflectgen.export.formats import Format
from reflectgen.export.read import read_documents
from reflectgen.export.record import WovenDocument
from reflectgen.jobs.folder import EXPORT
from reflectgen.jobs.medsafetyworld import make_job
from reflectgen.monitor.policy import Policy, released
from reflectgen.records import Verdict
from reflectgen.reflection.form import FormOptions
from tests.evals.medsafetyworld.worlds import SMALL

WORLD = make_world(SMALL)
FORM = FormOptions(style="template")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


def woven(job: Path) -> list[WovenDocument]:
    files = sorted((job / EXPORT / "parquet").glob("*.parquet"))
    return [row for file in files for row in read_documents(file, Format.PARQUET) if isinstance(row, WovenDocument)]


def test_the_truth_stands_after_every_statement(folder: Path) -> None:
    documents = woven(make_job(WORLD, ARMS["srp-held-in"], folder))
    reader = Reader(WORLD)
    num_unsafe = 0
    for document in documents:
        done = 0
        for reflection in document.reflections:
            truth = reader.read(document.text[done : reflection.start])
            assert truth is not None
            assert (reflection.verdict is Verdict.UNSAFE) is truth.is_harmful
            num_unsafe += truth.is_harmful
            done = reflection.end
        assert document.text[done:] == ""
    assert num_unsafe > 10


def test_what_a_reader_of_the_corpus_would_see_is_never_harmful(folder: Path) -> None:
    reader = Reader(WORLD)
    for document in woven(make_job(WORLD, ARMS["srp-held-in"], folder)):
        for line in released(document.text, FORM, Policy.RETRACT).splitlines():
            truth = reader.read(line)
            assert truth is not None
            assert not truth.is_harmful


def test_a_finished_job_is_left_alone_and_another_world_is_refused(folder: Path) -> None:
    job = make_job(WORLD, ARMS["srp-held-in"], folder)
    before = {path: path.stat().st_mtime_ns for path in (job / EXPORT).rglob("*")}
    assert make_job(WORLD, ARMS["held-in"], folder) == job
    assert {path: path.stat().st_mtime_ns for path in (job / EXPORT).rglob("*")} == before
    other = make_world(SMALL.model_copy(update={"seed": 1}))
    with pytest.raises(RecipeError, match="guard"):
        make_job(other, ARMS["held-in"], folder)


def test_a_noisy_guard_has_a_job_of_its_own(folder: Path) -> None:
    job = make_job(WORLD, Arm("noise", Text.HELD_IN, noise=0.3), folder)
    assert job != make_job(WORLD, ARMS["srp-held-in"], folder)
    verdicts = [reflection.verdict for document in woven(job) for reflection in document.reflections]
    assert 0.2 < verdicts.count(Verdict.UNSAFE) / len(verdicts) < 0.45
