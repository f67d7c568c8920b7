"""A small job for tests: documents on disk, scripted models, one call to run it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from reflectgen.corpus.chunk import ChunkOptions
from reflectgen.corpus.sources import find_sources
from reflectgen.jobs.budget import Limits
from reflectgen.jobs.folder import begin_or_resume, job_folder
from reflectgen.jobs.recipe import Recipe, named
from reflectgen.jobs.roles import Roles
from reflectgen.jobs.run import Run, run_job
from reflectgen.llm.completion import CompletionRequest
from reflectgen.llm.scripted import Line, Script, ScriptedModel
from reflectgen.records import Category, Chunk, Label, Provenance, Verdict
from reflectgen.reflection.teacher import OpenAITeacher, TeacherOptions
from reflectgen.store.counts import Counts, count_job

NO_LIMITS = Limits()


class FixedGuard:
    """Says the same of every chunk, unless the chunk holds a word that it was given a label for."""

    def __init__(self, labels: dict[str, Label] | None = None, endpoint: str = "") -> None:
        self.labels = labels or {}
        self.provenance = Provenance("guard", "fixed", endpoint=endpoint)
        self.num_asked = 0

    async def label(self, chunks: Sequence[Chunk]) -> list[Label]:
        self.num_asked += len(chunks)
        safe = Label(Verdict.SAFE, Category.NONE, 0.1)
        return [next((label for word, label in self.labels.items() if word in c.text), safe) for c in chunks]

    async def close(self) -> None:
        pass


def good_reply(rationale: str = "an everyday account of nothing in particular.", **changes: str) -> str:
    fields = {"evidence": "", "verdict": "safe", "category": "none", "rationale": rationale}
    return json.dumps(fields | changes)


WORDS = ("harbour", "lantern", "meadow", "copper", "winter", "orchard", "violin", "pebble", "thunder", "saddle")


def varied(name: str) -> str:
    """Return a sentence that is like no other name's: five words drawn by the name's hash, in an order of their own."""
    drawn = sorted(WORDS, key=lambda word: hashlib.sha256(f"{name} {word}".encode()).digest())[:6]
    return f"{drawn[0]} and {drawn[1]} near {drawn[2]}, {drawn[3]} beside {drawn[4]} or {drawn[5]} on day {name}."


def passage_of(request: CompletionRequest) -> str:
    """Return the chunk that a request is about: what stands between the lines of the fence."""
    return request.messages[-1]["content"]


def scripted_teacher(script: Script | Sequence[Line], model: str = "scripted") -> tuple[OpenAITeacher, ScriptedModel]:
    answering = ScriptedModel(script)
    return OpenAITeacher(answering, TeacherOptions(model=model)), answering


def write_corpus(path: Path, texts: Sequence[str]) -> Path:
    rows = ({"id": f"d{n}", "text": text} for n, text in enumerate(texts))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run_here(
    corpus: Path,
    out: Path,
    guard: FixedGuard,
    teacher: OpenAITeacher | None,
    slots: int = 4,
    strict: bool = False,
    limits: Limits = NO_LIMITS,
    fallbacks: Sequence[OpenAITeacher] = (),
    **settings: object,
) -> Counts:
    """Begin the job in `out` or go on with it, and return its counts; whatever it raises is raised."""
    settings = {"chunks": ChunkOptions(chunk_words=10)} | settings

    async def go() -> Counts:
        teachers = [*([teacher] if teacher else []), *fallbacks]
        named_teachers = [named(one.provenance) for one in teachers]
        recipe = Recipe(
            guard=named(guard.provenance),
            teacher=named_teachers[0] if teachers else None,
            fallbacks=named_teachers[1:],
            **settings,
        )
        with job_folder(out) as store:
            sources, _ = find_sources([str(corpus)])
            job = begin_or_resume(store, out, [str(corpus)], sources, recipe)
            run = Run(store, out, recipe, Roles(guard, teachers), slots, strict, limits)
            await run_job(run, job, sources, asyncio.Event())
            with store.read() as connection:
                return count_job(connection, job.id)

    return asyncio.run(go())
