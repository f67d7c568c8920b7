"""The whole way of the hostile chunks through a job, and what came of each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from reflectgen.corpus.chunk import ChunkOptions
from reflectgen.export.formats import Format
from reflectgen.export.read import read_documents
from reflectgen.export.record import WovenDocument
from reflectgen.export.weave import unweave
from reflectgen.jobs.verify import verify_job
from reflectgen.llm.scripted import Script, ScriptedModel
from reflectgen.records import Category, Label, Verdict
from reflectgen.reflection.form import FormOptions
from reflectgen.reflection.markers import find_markers
from reflectgen.reflection.teacher import OpenAITeacher, TeacherOptions
from reflectgen.store import Store
from reflectgen.store.browse import answers_of
from tests.jobs.worlds import FixedGuard, run_here
from tests.security.hostile_chunks import HOSTILE_CHUNKS, HostileChunk

UNSAFE = FixedGuard({"": Label(Verdict.UNSAFE, Category.OTHER, 0.95)})
SAFE = FixedGuard()
CHUNK_WORDS = 200  # all but the longest repetitions are one chunk


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one chunk: the teacher's answers with their reasons, and the reflection that stands at the end."""

    hostile: HostileChunk
    guard: Verdict
    reasons: tuple[str, ...]  # why answers were rejected
    verdict: Verdict
    road: str
    rationale: str


def attack(
    out: Path,
    guard: Any,
    script: Script,
    documents: Iterable[HostileChunk] = HOSTILE_CHUNKS,
    prompt: str = "reflection/contextual",
    **settings: Any,
) -> list[Outcome]:
    """Run a job over the hostile chunks, a document each, prove its export, and return what came of every chunk."""
    documents = list(documents)
    corpus = out.with_suffix(".jsonl")
    rows = ({"id": hostile.id, "text": hostile.text} for hostile in documents)
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    settings = {"chunks": ChunkOptions(chunk_words=CHUNK_WORDS), "form": FormOptions()} | settings
    teacher = OpenAITeacher(ScriptedModel(script), TeacherOptions(model="scripted", prompt=prompt))
    counts = run_here(corpus, out, guard, teacher, **settings)
    assert counts.balanced
    prove_export(out, {hostile.id: hostile.text for hostile in documents}, counts.num_chunks, settings["form"])
    return list(_outcomes(out, documents))


def prove_export(out: Path, originals: dict[str, str], num_chunks: int, form: FormOptions) -> None:
    """Every text comes back, every chunk has one reflection, and there is no marker but ours."""
    assert verify_job(out).problems == []
    (file,) = (out / "export" / "parquet").glob("*.parquet")
    documents = [document for document in read_documents(file, Format.PARQUET) if isinstance(document, WovenDocument)]
    assert {d.id: unweave(d.text, d.reflections, d.neutralised) for d in documents} == originals
    assert sum(len(document.reflections) for document in documents) == num_chunks
    for document in documents:
        assert find_markers(document.text, form.markers) == _our_markers(document, form), document.id


def _our_markers(document: WovenDocument, form: FormOptions) -> list[int]:
    """Return where the markers are that weaving wrote."""
    ours = []
    for place in document.reflections:
        ends = form.end_after_unsafe and place.verdict is Verdict.UNSAFE
        closed = place.end - len(form.close_marker) - (len(form.end_of_text) if ends else 0)
        ours += [place.start + len(form.separator), closed, *([closed + len(form.close_marker)] if ends else [])]
    return ours


def _outcomes(out: Path, documents: list[HostileChunk]) -> Iterable[Outcome]:
    with Store(out / "reflectgen.sqlite") as store, store.read() as connection:
        for number, hostile in enumerate(documents):
            answers = answers_of(connection, 1, 0, number)
            for _, of_chunk in groupby(answers, key=lambda answer: answer.chunk):
                rows = list(of_chunk)
                reasons = tuple(row.reason for row in rows if row.reason)
                stands = [row for row in rows if not row.reason][-1]
                yield Outcome(
                    hostile,
                    Verdict(stands.guard_verdict),
                    reasons,
                    Verdict(stands.verdict),
                    stands.road,
                    stands.rationale,
                )
