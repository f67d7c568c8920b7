"""MedSafetyWorld's corpora by the product's own path: documents, chunks, the truth as a guard, weaving, export."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from reflectgen.corpus.chunk import ChunkOptions
from reflectgen.corpus.sources import find_sources
from reflectgen.evals.medsafetyworld.arms import Arm, documents
from reflectgen.evals.medsafetyworld.guard import WorldGuard
from reflectgen.evals.medsafetyworld.world import World
from reflectgen.export.formats import Format
from reflectgen.jobs.folder import begin_or_resume, job_folder
from reflectgen.jobs.recipe import Recipe, named
from reflectgen.jobs.roles import Roles
from reflectgen.jobs.run import Run, run_job
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import whole_file

FORM = FormOptions(style="template")


def make_job(world: World, arm: Arm, folder: Path) -> Path:
    """Write the corpus that an arm is cut from and bring its job to its end; a finished one is left as it is.

    Raises:
        OutputError: the folder cannot be written.
        RecipeError: it holds the job of another world.
    """
    corpus, job = folder / "corpora" / f"{arm.text}.jsonl", folder / "jobs" / arm.job
    if not corpus.exists():
        _write_documents(world, arm, corpus)
    asyncio.run(_reflect(corpus, job, WorldGuard(world, arm.noise)))
    return job


def _write_documents(world: World, arm: Arm, path: Path) -> None:
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as out:
        for document in documents(world, arm.text):
            row = {"id": document.id, "text": document.text, **json.loads(document.metadata)}
            out.write(json.dumps(row) + "\n")


async def _reflect(corpus: Path, folder: Path, guard: WorldGuard) -> None:
    recipe = Recipe(
        guard=named(guard.provenance),
        teacher=None,
        chunks=ChunkOptions(chunk_lines=True),
        form=FORM,
        formats=(Format.PARQUET,),
        near_duplicate_threshold=None,
    )
    inputs = [str(corpus)]
    sources, _ = find_sources(inputs)
    with job_folder(folder) as store:
        job = begin_or_resume(store, folder, inputs, sources, recipe)
        await run_job(Run(store, folder, recipe, Roles(guard), strict=True), job, sources, asyncio.Event())
