"""`reflectgen show`: read a job's documents with their reflections, also while it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from sqlalchemy import Connection

from reflectgen.cli import options as o
from reflectgen.cli.display import VERDICT_STYLES
from reflectgen.errors import InputError
from reflectgen.jobs.folder import existing_job
from reflectgen.records import Category, Document, Provenance, Reflection, Verdict
from reflectgen.reflection.form import FormOptions, render_reflection
from reflectgen.shards import read_document
from reflectgen.store import corpus, jobs
from reflectgen.store.browse import Wanted, answers_of, find_places
from reflectgen.store.reflections import provenances

# Terminals obey these; a corpus must not speak to them. C0 and C1 controls, and what turns the reading direction.
_CONTROLS = {c: f"\\x{c:02x}" for c in [*range(32), *range(127, 160)] if c not in (9, 10)}
_CONTROLS |= {c: f"\\u{c:04x}" for c in [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F]}

# Of every answer, in `--json`; with the two provenances that is all there is to know of it.
SHOWN = [
    *("chunk", "revision", "start", "end", "verdict", "category", "rationale", "evidence", "road", "reason", "detail"),
    *("guard_verdict", "guard_category", "guard_score", "guard_native", "teacher_verdict", "teacher_category"),
    *("reply", "reused_from", "seed", "prompt_tokens", "completion_tokens", "created_at"),
]


def show(
    folder: o.Folder,
    document_id: Annotated[str | None, typer.Option("--id", help="This document only.")] = None,
    verdict: Annotated[Verdict | None, typer.Option(help="Chunks with this verdict only.")] = None,
    category: Annotated[Category | None, typer.Option(help="Chunks of this category only.")] = None,
    reason: Annotated[str | None, typer.Option(help="Chunks with an answer that was rejected for this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Documents to show, at most.")] = 5,
    as_json: o.AsJson = False,
) -> None:
    """Show documents with their reflections; with a filter, only the chunks that it finds."""
    wanted = Wanted(verdict, category, reason)
    console = Console(soft_wrap=True, highlight=False)
    with existing_job(folder) as (store, job), store.read() as connection:
        shards = {shard.number: shard for shard in corpus.shards(connection, job.id)}
        form = FormOptions(**job.recipe["form"])
        places = _places(connection, job, document_id, wanted, limit + 1)
        for number, row in places[:limit]:
            document = read_document(folder / shards[number].corpus_file, row)
            answers = answers_of(connection, job.id, number, row)
            if as_json:
                typer.echo(json.dumps(_as_json(document, answers, wanted, provenances(connection))))
            else:
                console.print(_page(document, answers, form, wanted))
    if not places:
        console.print("no document fits", style="dim")
    elif len(places) > limit and not as_json:
        console.print(f"there are more; see --limit (now {limit})", style="dim")


def _places(
    connection: Connection, job: jobs.Job, document_id: str | None, wanted: Wanted, limit: int
) -> list[tuple[int, int]]:
    if document_id is None:
        return find_places(connection, job.id, wanted, limit)
    place = corpus.find_document(connection, job.id, document_id)
    if place is None:
        raise InputError(f"the job has no document with id {document_id!r}")
    return [place]


def _page(document: Document, answers: Sequence[Any], form: FormOptions, wanted: Wanted) -> Text:
    page = Text()
    page.append(f"── {visible(document.id)} ", style="bold cyan").append("─" * 20 + "\n", style="cyan")
    end = 0
    for chunk in _chunks(answers):
        if not wanted.fits(chunk):
            continue
        current = wanted.current(chunk)
        if chunk[0].start > end:
            page.append("[…] ", style="dim")
        end = chunk[0].end
        text = document.text[chunk[0].start : end]
        body = text.rstrip()
        page.append(visible(body))
        if current:
            reflection = Reflection(Verdict(current.verdict), Category(current.category), current.rationale)
            page.append(f" {visible(render_reflection(reflection, form))}", style=VERDICT_STYLES[current.verdict])
        if wanted.reason:
            page.append(_rejections(chunk))
        page.append(visible(text[len(body) :]))
    return page.append("\n")


def _rejections(chunk: Sequence[Any]) -> Text:
    said = Text()
    for answer in chunk:
        if answer.reason:
            words = answer.rationale or answer.reply or ""
            line = f"\n    rejected, {answer.reason}: {answer.detail} | {words[:200]}"
            said.append(visible(line), style="magenta")
    return said.append("\n")


def _chunks(answers: Sequence[Any]) -> Iterator[list[Any]]:
    """Group the answers of a document, in order, by chunk."""
    chunk: list[Any] = []
    for answer in answers:
        if chunk and answer.chunk != chunk[0].chunk:
            yield chunk
            chunk = []
        chunk.append(answer)
    if chunk:
        yield chunk


def _as_json(
    document: Document, answers: Sequence[Any], wanted: Wanted, known: Mapping[int, Provenance]
) -> dict[str, Any]:
    rows = [
        {
            **{name: getattr(answer, name) for name in SHOWN},
            "text": document.text[answer.start : answer.end],
            "provenance": asdict(known[answer.provenance_id]),
            "guard_provenance": asdict(known[answer.guard_provenance_id]),
        }
        for chunk in _chunks(answers)
        if wanted.fits(chunk)
        for answer in chunk
    ]
    return {"id": document.id, "answers": rows}


def visible(text: str) -> str:
    """Return `text` with every character that a terminal would obey spelt out."""
    return text.translate(_CONTROLS)
