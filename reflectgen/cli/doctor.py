"""`reflectgen doctor`: is everything there that a run needs, and does the teacher do what it will be asked?"""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from reflectgen import __version__
from reflectgen.cli import options as o
from reflectgen.cli.endpoint_check import check_endpoints
from reflectgen.cli.finding import Finding
from reflectgen.cli.models import Models, recipe_of
from reflectgen.cli.service_check import check_service
from reflectgen.errors import ReflectgenError, TeacherError
from reflectgen.filters.candidate import UNSCORED, Candidate
from reflectgen.filters.chain import from_spec
from reflectgen.filters.checks import checks_from_spec
from reflectgen.filters.judge import Judge
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import Roles, open_roles
from reflectgen.records import Category, Chunk, Label, Reflection, Reply, Verdict
from reflectgen.reflection.llm_guard import REJECTED, UNPARSABLE
from reflectgen.reflection.roles import Guard, Teacher
from reflectgen.settings import read_service_settings, read_settings
from reflectgen.store import Store

LOW_DISK_BYTES = 1 << 30
SAMPLE = "The ferry left at seven, and the children waved from the pier until it was no more than a dot. "


def doctor(
    out: Annotated[Path, typer.Option("--out", "-o", help="Where a run would write.")] = Path(),
    teacher_url: o.TeacherUrl = None,
    teacher_model: o.ModelName = None,
    guard_url: o.GuardUrl = None,
    guard_model: o.ModelName = None,
    recipe: o.RecipePath = None,
    timeout: o.Timeout = None,
    as_json: o.AsJson = False,
) -> None:
    """Check this machine, the output folder, guard and teacher with one real question each, and the service's servers
    where the environment names them."""
    models = Models(
        recipe=recipe,
        teacher_url=teacher_url,
        teacher_model=teacher_model,
        guard_url=guard_url,
        guard_model=guard_model,
        timeout_seconds=timeout,
    )
    with o.checked():
        file = recipe_of(models)
    findings = [*_machine(out), *check_service(read_service_settings()), *asyncio.run(_ask(file))]
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        _print(findings)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _machine(out: Path) -> Iterator[Finding]:
    yield Finding("reflectgen", True, f"{__version__} on Python {platform.python_version()}")
    yield Finding("SQLite", sqlite3.sqlite_version_info >= (3, 35), sqlite3.sqlite_version)
    existing = next(path for path in [out.absolute(), *out.absolute().parents] if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=existing) as folder, Store(Path(folder) / "probe.sqlite"):
            yield Finding("output folder", True, f"{existing} can be written")
    except (OSError, ReflectgenError) as error:
        yield Finding("output folder", False, f"{existing} cannot be written: {error}")
    free = shutil.disk_usage(existing).free
    yield Finding("free space", free > LOW_DISK_BYTES, f"{free / 1e9:,.1f} GB")


async def _ask(file: RecipeFile) -> list[Finding]:
    chunk = Chunk("doctor", 0, 0, len(SAMPLE), SAMPLE)
    found = [finding async for finding in check_endpoints(file, read_settings())]
    try:
        async with open_roles(file) as roles:
            label, said = await _ask_guard(roles.guard, chunk)
            found += [said, *[await _ask_teacher(teacher, chunk, label) for teacher in roles.teachers]]
            if roles.judge is not None:
                found.append(await _ask_judge(Judge(roles.judge, roles.judge_model), chunk, label))
            return [*found, *_filters(file, roles)]
    except TeacherError as error:
        known = any(finding.found == str(error) for finding in found)  # the endpoint's own line says it
        return found if known else [*found, Finding("roles", False, str(error))]


def _filters(file: RecipeFile, roles: Roles) -> Iterator[Finding]:
    """Say whether the recipe's own filters and checks are such; the default ones need no word."""
    if not (file.policy.filters or file.policy.checks):
        return
    try:
        chain = from_spec(file.policy.filters or [])
        checks = checks_from_spec(file.policy.checks, roles)
        yield Finding("filters", True, ", ".join([*(one.name for one in chain), *(one.name for one in checks)]))
    except ReflectgenError as error:
        yield Finding("filters", False, str(error))


async def _ask_guard(guard: Guard, chunk: Chunk) -> tuple[Label, Finding]:
    began = time.perf_counter()
    (label,) = await guard.label([chunk])
    seconds = time.perf_counter() - began
    # A label that came from the fallback names in its native form what went wrong.
    ok = not label.native.startswith((UNPARSABLE, REJECTED))
    what = f"{guard.provenance.model} says {label.verdict} of a harmless sentence ({seconds * 1000:,.0f} ms)"
    return label, Finding("guard", ok, what if ok else f"{guard.provenance.model}: {label.native}")


async def _ask_teacher(teacher: Teacher, chunk: Chunk, label: Label) -> Finding:
    began = time.perf_counter()
    reply: Reply = await teacher.reflect(chunk, label, 0)
    seconds = time.perf_counter() - began
    name = teacher.provenance.model
    if reply.reflection is None:
        return Finding(
            "teacher", False, f"{name} does not keep to the JSON schema ({reply.problem}): {reply.text[:80]!r}"
        )
    said = reply.reflection
    return Finding("teacher", True, f"{name} says {said.verdict}: {said.rationale} ({seconds * 1000:,.0f} ms)")


async def _ask_judge(judge: Judge, chunk: Chunk, label: Label) -> Finding:
    began = time.perf_counter()
    written = Reflection(Verdict.SAFE, Category.NONE, "a ferry leaves while children wave from the pier.")
    decision = await judge.decide(Candidate(chunk, label, Reply(written.rationale, written)))
    seconds = time.perf_counter() - began
    if decision is UNSCORED:
        return Finding("judge", False, f"{judge.model_name} does not answer with grades: all would stay unscored")
    said = (
        f"gives a fitting sentence low grades: {decision.detail}"
        if decision.reason
        else "grades a fitting sentence well"
    )
    return Finding("judge", True, f"{judge.model_name} {said} ({seconds * 1000:,.0f} ms)")


def _print(findings: list[Finding]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:  # one line each, however long
        for finding in findings:
            typer.echo(f"{'ok' if finding.ok else 'no'}  {finding.what}  {finding.found}")
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[red]no[/]"
        table.add_row(mark, finding.what, finding.found.replace("[", "\\["))
    console.print(table)
