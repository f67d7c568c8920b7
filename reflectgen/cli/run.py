"""`reflectgen run`: a corpus in, a reflection-augmented corpus out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from reflectgen.cli import options as o
from reflectgen.cli import tokens as t
from reflectgen.cli.models import Models, recipe_of
from reflectgen.cli.working import how_to_go_on, print_end, say_how_to_go_on, spare_the_loop, work_and_count
from reflectgen.corpus.chunk import ChunkOptions
from reflectgen.corpus.read import ReadOptions
from reflectgen.corpus.sources import Source, find_sources
from reflectgen.errors import InputError
from reflectgen.export.any_format import text_formats
from reflectgen.export.kinds import Weights
from reflectgen.jobs.accounts import refuse_limits_without_prices
from reflectgen.jobs.budget import Limits
from reflectgen.jobs.folder import EXPORT, begin_or_resume, changed_since, job_folder, salt_of
from reflectgen.jobs.recipe import job_recipe
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import open_roles
from reflectgen.jobs.run import Run
from reflectgen.store import Store, jobs
from reflectgen.store.counts import Counts

AtEnd = Callable[[Run, Counts, list[str]], None]
KEEPS = "the job keeps what it read, and another --out reads afresh"


def run(
    inputs: o.Inputs,
    out: Annotated[Path, typer.Option("--out", "-o", help="The job's folder; the same command there goes on.")],
    text_field: o.TextField = "text",
    id_field: o.IdField = "id",
    max_document_bytes: o.MaxDocumentBytes = 10_000_000,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad row.")] = False,
    chunk_words: o.ChunkWords = 100,
    chunk_tokens: o.ChunkTokens = None,
    tokenizer: o.Tokenizer = None,
    recipe: o.RecipePath = None,
    mode: o.Style = None,
    teacher_url: o.TeacherUrl = None,
    teacher_model: o.ModelName = None,
    temperature: o.Temperature = None,
    guard_url: o.GuardUrl = None,
    guard_model: o.ModelName = None,
    attempts: o.Attempts = None,
    seed: o.Seed = None,
    concurrency: o.Concurrency = None,
    timeout: o.Timeout = None,
    outage_patience: o.Patience = None,
    max_cost: o.MaxCost = None,
    max_tokens_total: o.MaxTokens = None,
    stop_after_accepted: o.StopAfter = None,
    formats: t.AnyFormats = None,
    open_marker: o.OpenMarker = "<think>",
    close_marker: o.CloseMarker = "</think>",
    end_of_text: o.EndOfText = "<|endoftext|>",
    end_after_unsafe: o.EndAfterUnsafe = None,
    as_json: o.AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Read a corpus, reflect on every chunk, weave the reflections in, and export."""
    models = Models(
        recipe=recipe,
        mode=mode.value if mode else None,
        teacher_url=teacher_url,
        teacher_model=teacher_model,
        temperature=temperature,
        seed=seed,
        guard_url=guard_url,
        guard_model=guard_model,
        attempts=attempts,
        concurrency=concurrency,
        timeout_seconds=timeout,
        outage_patience_seconds=outage_patience,
    )
    t.check_tokenizer(formats, tokenizer)
    in_chunks = tokenizer if chunk_tokens else None  # one that tokens are written with alone changes no chunk
    with o.checked():
        file = recipe_of(models)
        settings = {
            "read": ReadOptions(text_field=text_field, id_field=id_field, max_document_bytes=max_document_bytes),
            "chunks": ChunkOptions(chunk_words=chunk_words, chunk_tokens=chunk_tokens, tokenizer=in_chunks),
            "form": o.form_of(file.policy.mode, open_marker, close_marker, end_of_text, end_after_unsafe),
            "formats": tuple(dict.fromkeys(text_formats(formats))),
        }
    limits = Limits(max_cost, max_tokens_total, stop_after_accepted)
    asyncio.run(work(inputs, out, file, settings, limits, strict=strict, as_json=as_json, quiet=quiet))
    t.write_made(out / EXPORT, out / EXPORT, formats, tokenizer, Weights(), None, quiet=quiet or as_json)


async def work(
    inputs: list[str],
    out: Path,
    file: RecipeFile,
    settings: dict[str, Any],
    limits: Limits,
    *,
    strict: bool,
    as_json: bool,
    quiet: bool,
    at_end: AtEnd | None = None,
) -> None:
    """Begin a job or go on with it, and say what came of it; `at_end` does so in place of what `run` says."""
    async with open_roles(file, cache_salt=salt_of(out)) as roles:
        spare_the_loop()
        refuse_limits_without_prices(limits, roles)
        with o.checked():
            recipe = job_recipe(file, roles, **settings)
        with job_folder(out) as store:
            sources, skipped = _find(inputs, store)
            job = begin_or_resume(store, out, inputs, sources, recipe)
            if changed := changed_since(store, job, sources or []):
                typer.echo(f"note: {changed} is new or changed since this job read its input; {KEEPS}", err=True)
            task = Run(store, out, recipe, roles, file.num_slots, strict, limits, is_exported=not recipe.is_chat)
            finished, counts, use = await work_and_count(task, job, sources or [], quiet, how_to_go_on)
            if finished and at_end:
                at_end(task, counts, skipped)
    if not finished:
        raise typer.Exit(say_how_to_go_on(task, counts))
    if at_end:
        return
    if as_json:
        typer.echo(json.dumps({"out": str(out), "skipped_files": skipped, **counts.to_json()}))
    else:
        print_end(task, counts, use, skipped)


def _find(inputs: list[str], store: Store) -> tuple[list[Source] | None, list[str]]:
    """Find the inputs; they may have gone once the job has read them to the end."""
    try:
        return find_sources(inputs)
    except InputError:
        with store.read() as connection:
            job = jobs.latest(connection)
        if job is None or not job.ingested:
            raise
        return None, []
