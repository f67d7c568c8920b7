"""`reflectgen sft-data`: chat data in, the same with reflections in what the assistant says out."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reflectgen.cli import options as o
from reflectgen.cli.models import Models, recipe_of
from reflectgen.cli.run import work
from reflectgen.cli.summary import Use, print_use, use_of
from reflectgen.corpus.chunk import ChunkOptions
from reflectgen.corpus.read import ReadOptions
from reflectgen.export.sft.record import SftOptions
from reflectgen.export.sft.run import MIX, TRAIN, SftManifest
from reflectgen.jobs.budget import Limits
from reflectgen.jobs.folder import REJECTS
from reflectgen.jobs.run import Run
from reflectgen.jobs.sft import SFT, write_conversations
from reflectgen.store import jobs
from reflectgen.store.counts import Counts


def sft_data(
    inputs: o.Inputs,
    to: Annotated[Path, typer.Option("--to", "--out", "-o", help="The job's folder; the same command there goes on.")],
    recovery: Annotated[
        float, typer.Option(min=0, max=1, help="Share of unsafe answers that give a recovery example beside.")
    ] = 0.0,
    mix_sft: Annotated[
        float, typer.Option(min=0, max=1, help="Share of all rows that also go into the replay set, mix.jsonl.")
    ] = 0.0,
    sft_seed: Annotated[int, typer.Option(min=0, help="Seed of what is chosen for these, and of refusals.")] = 0,
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
    open_marker: o.OpenMarker = "<think>",
    close_marker: o.CloseMarker = "</think>",
    end_of_text: o.EndOfText = "<|endoftext|>",
    end_after_unsafe: o.EndAfterUnsafe = None,
    as_json: o.AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Weave reflections into chat data: on each prompt, after each chunk of each answer, one at its end."""
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
    with o.checked():
        file = recipe_of(models)
        settings = {
            "read": ReadOptions(id_field=id_field, max_document_bytes=max_document_bytes, rows="chat"),
            "chunks": ChunkOptions(chunk_words=chunk_words, chunk_tokens=chunk_tokens, tokenizer=tokenizer),
            "form": o.form_of(file.policy.mode, open_marker, close_marker, end_of_text, end_after_unsafe),
        }
        options = SftOptions(recovery=recovery, mix=mix_sft, seed=sft_seed)

    def write(task: Run, counts: Counts, skipped: list[str]) -> None:
        with task.store.read() as connection:
            job = jobs.latest(connection)
            assert job is not None
            use = use_of(connection, job.id)
        manifest = write_conversations(task.store, job, task.folder, task.recipe.form, options, task.progress)
        if as_json:
            typer.echo(json.dumps({"out": str(task.folder / SFT), "skipped_files": skipped, **manifest.counts}))
        else:
            _print(manifest, task, counts, use)

    limits = Limits(max_cost, max_tokens_total, stop_after_accepted)
    asyncio.run(work(inputs, to, file, settings, limits, strict=strict, as_json=as_json, quiet=quiet, at_end=write))


def _print(manifest: SftManifest, task: Run, counts: Counts, use: Use) -> None:
    """Print what went in, what came of it, and where it is."""
    told = manifest.counts
    console = Console(soft_wrap=True, highlight=False)
    lines = [
        (
            "rows read",
            f"{counts.num_rows:,} = {counts.num_documents:,} conversations + {counts.num_rejected_rows:,} rejected",
        ),
        ("  rejected", _each(counts.rejected_rows)),
        ("  shapes", _each(told["shapes"])),
        ("  turns", _each(told["roles"])),
        ("prompts", _each(told["prompt_verdicts"])),
        ("answers", f"{told['num_answers']:,}, {told['num_empty_answers']:,} of them empty"),
        ("  chunks", _each(told["answer_verdicts"])),
        (
            "  refused",
            f"{told['num_refusals']:,} unsafe answers to unsafe prompts now decline" * bool(told["num_refusals"]),
        ),
        ("  cut", f"{told['num_cut_answers']:,} end after their first unsafe chunk" * bool(told["num_cut_answers"])),
        ("  dropped", f"{told['num_dropped_turns']:,} turns that followed" * bool(told["num_dropped_turns"])),
        ("recovery", f"{told['num_recovery_examples']:,} examples beside" * bool(manifest.options.recovery)),
        ("replay", f"{told['num_mixed_rows']:,} rows are also in {MIX}" * bool(manifest.options.mix)),
        ("neutralised", f"{told['num_neutralised']:,} forged markers" * bool(told["num_neutralised"])),
    ]
    for name, value in lines:
        if value:
            console.print(f"{name:<14}{value}", markup=False)
    print_use(console, use)
    if counts.num_rejected_rows:
        console.print(f"rejected rows, each with its reason: {task.folder / REJECTS}", markup=False)
    console.print(f"conversations: {task.folder / SFT / TRAIN}", style="bold", markup=False)
    console.print(f"prove it: reflectgen verify {task.folder}", markup=False)


def _each(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items(), key=lambda item: -item[1]))
