"""`reflectgen run`: a corpus in, a reflection-augmented corpus out."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from reflectgen.cli import options as o
from reflectgen.cli.display import shown
from reflectgen.cli.models import Models, Opened, open_models
from reflectgen.cli.summary import print_summary
from reflectgen.corpus.chunk import ChunkOptions
from reflectgen.corpus.read import ReadOptions
from reflectgen.corpus.sources import Source, find_sources
from reflectgen.errors import InputError
from reflectgen.export.formats import Format
from reflectgen.jobs.folder import EXPORT, REJECTS, begin_or_resume, job_folder
from reflectgen.jobs.recipe import Recipe, named
from reflectgen.jobs.run import Run, run_job
from reflectgen.reflection.form import FormOptions
from reflectgen.store import Store, jobs
from reflectgen.store.counts import Counts, count_job

FINISH_SECONDS = 10.0  # what calls in flight are given after Ctrl-C
STOPPED = 130


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
    mode: o.Style = o.Mode.CONTEXTUAL,
    teacher_url: o.TeacherUrl = None,
    teacher_model: o.ModelName = None,
    temperature: Annotated[float, typer.Option(min=0, max=2, help="Of the teacher.")] = 0.7,
    guard_url: o.GuardUrl = None,
    guard_model: o.ModelName = None,
    attempts: Annotated[int, typer.Option(help="Answers asked for before the template stands in.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of every question.")] = 0,
    concurrency: o.Concurrency = 64,
    timeout: o.Timeout = 120.0,
    outage_patience: o.Patience = 600.0,
    formats: o.Formats = None,
    open_marker: o.OpenMarker = "<think>",
    close_marker: o.CloseMarker = "</think>",
    end_of_text: o.EndOfText = "<|endoftext|>",
    end_after_unsafe: o.EndAfterUnsafe = True,
    as_json: o.AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Read a corpus, reflect on every chunk, weave the reflections in, and export."""
    models = Models(
        mode=mode.value,
        teacher_url=teacher_url,
        teacher_model=teacher_model,
        temperature=temperature,
        seed=seed,
        guard_url=guard_url,
        guard_model=guard_model,
        concurrency=concurrency,
        timeout_seconds=timeout,
        outage_patience_seconds=outage_patience,
    )
    with o.checked():
        settings = {
            "read": ReadOptions(text_field=text_field, id_field=id_field, max_document_bytes=max_document_bytes),
            "chunks": ChunkOptions(chunk_words=chunk_words, chunk_tokens=chunk_tokens, tokenizer=tokenizer),
            "max_attempts": attempts,
            "form": FormOptions(
                open_marker=open_marker,
                close_marker=close_marker,
                end_of_text=end_of_text,
                end_after_unsafe=end_after_unsafe,
                style=mode.value,
            ),
            "formats": tuple(dict.fromkeys(formats or [Format.PARQUET])),
        }
    asyncio.run(_run(inputs, out, models, settings, strict=strict, as_json=as_json, quiet=quiet))


async def _run(
    inputs: list[str], out: Path, models: Models, settings: dict[str, Any], *, strict: bool, as_json: bool, quiet: bool
) -> None:
    async with open_models(models) as opened:
        _spare_the_collector()
        with o.checked():
            teacher = named(opened.teacher.provenance) if opened.teacher else None
            recipe = Recipe(guard=named(opened.guard.provenance), teacher=teacher, **settings)
        with job_folder(out) as store:
            sources, skipped = _find(inputs, store)
            job = begin_or_resume(store, out, inputs, sources, recipe)
            task = Run(store, out, recipe, opened.guard, opened.teacher, models.concurrency, strict)
            finished = await _until_stopped(task, job, sources or [], opened, quiet)
            with store.read() as connection:
                counts = count_job(connection, job.id)
    if not finished:
        _say_how_to_go_on(counts, out)
        raise typer.Exit(STOPPED)
    if as_json:
        typer.echo(json.dumps({"out": str(out), "skipped_files": skipped, **counts.to_json()}))
    else:
        _print_end(task, counts, skipped)


async def _until_stopped(task: Run, job: jobs.Job, sources: Sequence[Source], opened: Opened, quiet: bool) -> bool:
    """Run to the end; Ctrl-C lets calls in flight end first, a second one does not wait for them."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    work = asyncio.ensure_future(run_job(task, job, sources, stop))

    def on_signal() -> None:
        if stop.is_set():
            work.cancel()
        stop.set()
        loop.call_later(FINISH_SECONDS, work.cancel)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    with shown(task.progress, opened.paused_seconds, quiet):
        try:
            return await work
        except asyncio.CancelledError:
            return False


def _spare_the_collector() -> None:
    """Let Python's garbage collector leave alone what stays, and look less often: it finds next to nothing here."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


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


def _say_how_to_go_on(counts: Counts, out: Path) -> None:
    done = f"{counts.num_reflections:,} of {counts.num_chunks:,} chunks read so far have their reflection"
    typer.echo(f"stopped: {done}; the same command goes on from there ({out} keeps everything)", err=True)


def _print_end(task: Run, counts: Counts, skipped: list[str]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    teacher = task.teacher.provenance.model if task.teacher else None
    print_summary(console, counts, task.guard.provenance.model, teacher, task.folder / EXPORT)
    if skipped:
        more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        console.print(f"skipped, of no kind that is read: {', '.join(skipped[:3])}{more}", markup=False)
    if counts.num_rejected_rows:
        console.print(f"rejected rows, each with its reason: {task.folder / REJECTS}", markup=False)
    console.print(f"woven corpus: {task.folder / EXPORT}", style="bold", markup=False)
    console.print(f"prove that nothing else changed: reflectgen verify {task.folder}", markup=False)
