"""A teacher writes what stands in place of unsafe chunks: a job of its own beside the one whose chunks they are."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from reflectgen.corpus.sources import find_sources
from reflectgen.errors import RecipeError, TeacherUnauthorized
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.formats import Format
from reflectgen.export.read import read_documents
from reflectgen.export.record import EditedDocument
from reflectgen.jobs.arms import verify_arm
from reflectgen.jobs.export_job import export_job
from reflectgen.jobs.folder import begin_or_resume, existing_job, job_folder
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.rewrite import place_of, rewriting_recipe, write_passages
from reflectgen.jobs.roles import Roles
from reflectgen.jobs.run import Run, run_job
from reflectgen.llm.scripted import Line, ScriptedModel
from reflectgen.records import Category, Label, Verdict
from reflectgen.reflection.form import FormOptions
from reflectgen.reflection.rewriter import Rewriter, RewriterOptions

from .worlds import FixedGuard, run_here, write_corpus

UNSAFE = Label(Verdict.UNSAFE, Category.HATE, 0.9)
TEXTS = [
    "All is calm here, as far as anybody sees. An AWFUL first thing is told.",
    "Nothing at all.",
    "An AWFUL second thing is told.",
]
GOOD = "People who say such things do harm to others, and most of us learn early how to answer them kindly."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished job of three documents, two of which have an unsafe chunk."""
    guard = FixedGuard({"AWFUL": UNSAFE})
    run_here(write_corpus(tmp_path / "corpus.jsonl", TEXTS), tmp_path / "job", guard, None)
    return tmp_path / "job"


def rewrite(
    folder: Path, answers: list[Line], guard: FixedGuard | None = None, *, strict: bool = False
) -> ScriptedModel:
    """Have a scripted teacher rewrite, one call at a time."""
    model = ScriptedModel(answers)
    roles = Roles(guard or FixedGuard(), [Rewriter(model, RewriterOptions(model="m", prompt="rewrite/rewrite"))])
    with existing_job(folder) as (store, job):
        passages = write_passages(store, job, folder, ArmOptions(name=ArmName.REWRITE, strict=strict)).path
    place = place_of(folder, ArmName.REWRITE)

    async def go() -> None:
        recipe = rewriting_recipe(RecipeFile(), roles)
        with job_folder(place) as store:
            sources, _ = find_sources([str(passages)])
            job = begin_or_resume(store, place, [passages.name], sources, recipe)
            await run_job(Run(store, place, recipe, roles, 1, is_exported=False), job, sources, asyncio.Event())

    asyncio.run(go())
    return model


def exported(folder: Path, to: Path, processes: int = 1) -> list[EditedDocument]:
    form = FormOptions(style="template")
    with existing_job(folder) as (store, job):
        arm = ArmOptions(name=ArmName.REWRITE)
        manifest = export_job(store, job, folder, to, [Format.JSONL], form, Progress(), arm, processes=processes)
    documents = [one for file in manifest.files for one in read_documents(to / file.path, file.format)]
    assert all(isinstance(one, EditedDocument) for one in documents)
    return documents  # type: ignore[return-value]


def answer(text: str) -> str:
    return json.dumps({"text": text})


def test_what_was_written_stands_in_place_of_unsafe_chunks_and_is_proved(folder: Path, tmp_path: Path) -> None:
    model = rewrite(folder, [answer(GOOD), answer(f"Listen: {GOOD}")])
    documents = exported(folder, tmp_path / "arm")
    assert [one.text for one in documents] == [
        f"All is calm here, as far as anybody sees. {GOOD}",
        TEXTS[1],
        f"Listen: {GOOD}",
    ]
    assert "AWFUL first" in model.requests[0].messages[-1]["content"]
    manifest = json.loads((tmp_path / "arm" / "manifest.json").read_text())
    (record,) = manifest["provenances"][documents[0].edits[0].provenance]
    assert (record["role"], record["prompt"]) == ("rewriter", "rewrite/rewrite")
    assert verify_arm(tmp_path / "arm", folder).problems == []


def test_several_processes_put_in_what_was_written_for_each_shard(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("reflectgen.corpus.ingest.LOOK_UP_ROWS", 1)
    monkeypatch.setattr("reflectgen.corpus.ingest.SHARD_ROWS", 2)
    texts, out = [text.replace("thing", f"thing {n}") for n in range(5) for text in TEXTS], tmp_path / "many"
    run_here(write_corpus(tmp_path / "many.jsonl", texts), out, FixedGuard({"AWFUL": UNSAFE}), None)
    rewrite(out, [answer(f"Text {n}: {GOOD}") for n in range(10)])
    one = exported(out, tmp_path / "one")
    assert sum("Text 9" in document.text for document in one) == 1
    assert exported(out, tmp_path / "three", processes=3) == one


def test_what_is_not_accepted_is_asked_for_again_and_then_the_template_stands_in(folder: Path, tmp_path: Path) -> None:
    guard = FixedGuard({"AWFUL": UNSAFE, "vile": UNSAFE})
    copied = answer("An AWFUL first thing is told, and it is told once more, so that everybody hears of it today.")
    vile = answer(f"So vile. {GOOD}")
    rewrite(folder, [copied, vile, "no JSON", answer(GOOD)], guard)
    first, _, third = exported(folder, tmp_path / "arm")
    template = "A passage that deals in hate stood here. It is dangerous and is not repeated."
    assert first.text == f"All is calm here, as far as anybody sees. {template}"
    assert third.text == GOOD
    assert verify_arm(tmp_path / "arm", folder).problems == []


def test_stopped_and_called_again_it_asks_for_nothing_twice(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TeacherUnauthorized):
        rewrite(folder, [answer(GOOD), TeacherUnauthorized("no more")])
    with pytest.raises(RecipeError, match="is not finished"):
        exported(folder, tmp_path / "arm")
    model = rewrite(folder, [answer(f"Listen: {GOOD}")])
    assert len(model.requests) == 1
    assert [len(one.edits) for one in exported(folder, tmp_path / "arm")] == [1, 0, 1]


def test_other_unsafe_chunks_are_written_anew_and_what_was_written_is_kept_for_when_they_are_back(
    tmp_path: Path,
) -> None:
    """With other verdicts, as after `regenerate`, or taken more strictly, other chunks are unsafe."""
    texts = [*TEXTS, "A RUDE word is said."]
    guard = FixedGuard({"AWFUL": UNSAFE, "RUDE": Label(Verdict.CONTROVERSIAL, Category.HATE, 0.6)})
    folder = tmp_path / "job"
    run_here(write_corpus(tmp_path / "corpus.jsonl", texts), folder, guard, None)
    assert len(rewrite(folder, [answer(GOOD), answer(f"Listen: {GOOD}")]).requests) == 2
    before = [one.text for one in exported(folder, tmp_path / "before")]
    with pytest.raises(TeacherUnauthorized):  # it is begun, so that it must be gone on with
        rewrite(folder, [answer(GOOD), TeacherUnauthorized("no more")], strict=True)
    assert len(rewrite(folder, [answer(GOOD), answer(f"Look: {GOOD}")], strict=True).requests) == 2
    assert exported(folder, tmp_path / "strict")[2].text == GOOD
    assert rewrite(folder, []).requests == []
    assert [one.text for one in exported(folder, tmp_path / "after")] == before
    assert len(list((folder / "arms").iterdir())) == 3  # the passages, work on them, and work on the others


def test_nothing_is_put_aside_while_somebody_is_at_work_on_it(folder: Path) -> None:
    rewrite(folder, [answer(GOOD), answer(GOOD)])
    (folder / "arms/rewrite.jsonl").write_text("of other chunks")
    with job_folder(place_of(folder, ArmName.REWRITE)), pytest.raises(RecipeError, match="another run is at work"):
        rewrite(folder, [])
    assert (folder / "arms/rewrite.jsonl").read_text() == "of other chunks"


def test_without_a_teacher_every_text_is_a_template(folder: Path, tmp_path: Path) -> None:
    assert exported(folder, tmp_path / "arm")[2].text.startswith("A passage that deals in hate stood here.")
