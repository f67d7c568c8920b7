"""Recipes at work on labelled rows: each row is one chunk, and goes the way that a job's chunk goes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reflectgen.evals.compare.result import Answer, RecipeRun, RowResult, Used
from reflectgen.evals.compare.rows import LabelledRow
from reflectgen.filters.candidate import Candidate
from reflectgen.filters.chain import from_spec
from reflectgen.filters.checks import checks_from_spec
from reflectgen.filters.grounding import grounding_score
from reflectgen.jobs.committer import Committer
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.provenances import Provenances
from reflectgen.jobs.recipe import Recipe, job_recipe
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.reuse import Reuse
from reflectgen.jobs.roles import Roles, open_roles
from reflectgen.jobs.settle import Desk, Work, settle
from reflectgen.records import Category, Chunk, Label, Reflection, Reply, Road, Verdict
from reflectgen.reflection.cascade import CascadeOptions
from reflectgen.reflection.words import count_words, split_words
from reflectgen.store import Store
from reflectgen.store.reflections import ReflectionRow

LABEL_ROWS = 128  # a guard in this process gets so many at a time


async def run_recipe(
    name: str, file: RecipeFile, rows: Sequence[LabelledRow], on_row: Callable[[], None] = lambda: None
) -> RecipeRun:
    """Open a recipe's roles and run it on `rows`; `on_row` is called as each row ends.

    Raises:
        TeacherError: an endpoint cannot be asked.
        ValidationError: the recipe holds a value that a job's cannot have.
    """
    async with open_roles(file) as roles:
        recipe = job_recipe(file, roles)
        began = time.monotonic()
        results = await run_rows(roles, recipe, rows, file.num_slots, on_row)
        return RecipeRun(
            name=name,
            guard=roles.guard.provenance.model,
            teachers=tuple(teacher.provenance.model for teacher in roles.teachers),
            policy=policy_in_words(recipe.cascade) if roles.teachers else "nobody is asked, the guard's verdict stands",
            results=results,
            used=used_by(roles),
            seconds=time.monotonic() - began,
        )


async def run_rows(
    roles: Roles,
    recipe: Recipe,
    rows: Sequence[LabelledRow],
    slots: int,
    on_row: Callable[[], None] = lambda: None,
) -> list[RowResult]:
    """Return what becomes of each row, in order, with at most `slots` of them under way.

    Raises:
        TeacherError: an endpoint cannot be asked; the rows under way are given up.
    """
    results: dict[int, RowResult] = {}
    chunks = [Chunk(str(number), 0, 0, len(row.text), row.text) for number, row in enumerate(rows)]
    waiting = iter(range(len(rows)))
    with _desk(roles, recipe) as desk:
        known = {} if roles.guard.provenance.endpoint else await _label_here(roles, chunks)

        async def work() -> None:
            for number in waiting:
                label = known.get(number) or (await roles.guard.label([chunks[number]]))[0]
                results[number] = await _settled(desk, chunks[number], label)
                on_row()

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(slots, len(rows))):
                    tasks.create_task(work())
        except BaseExceptionGroup as group:
            raise _first(group) from None
    return [results[number] for number in range(len(rows))]


def used_by(roles: Roles) -> tuple[Used, ...]:
    """Return what the endpoints did since the roles were opened, priced."""
    prices = roles.prices()
    return tuple(
        Used(
            role=one.role,
            endpoint=one.endpoint,
            num_calls=one.num_calls,
            prompt_tokens=one.prompt_tokens,
            completion_tokens=one.completion_tokens,
            cost=price.cost_of(one.prompt_tokens, one.completion_tokens, one.seconds)
            if (price := prices.get((one.role, one.endpoint)))
            else None,
        )
        for one in roles.usage()
    )


def policy_in_words(options: CascadeOptions) -> str:
    """Say which chunks the teacher is asked about, and whose verdict stands."""
    low, high = options.band
    asked = {
        "all": "all chunks",
        "flagged": "those that the guard flags",
        "uncertain": f"those with a guard's score of {low:g} to {high:g}",
        "sample": f"those that the guard flags and {options.share:.3g} of the others",
    }[options.ask]
    stands = {"most_severe": "the more severe verdict", "teacher": "the teacher's", "guard": "the guard's"}
    return f"the teacher is asked about {asked}; {stands[options.verdict]} stands"


@contextmanager
def _desk(roles: Roles, recipe: Recipe) -> Iterator[Desk]:
    """Yield a desk whose rows are kept nowhere; what it wants to look up lies in a database that goes with it."""
    taught = [teacher.provenance for teacher in roles.teachers]
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "compare.sqlite") as store:
        yield Desk(
            job_id=0,
            teachers=roles.teachers,
            provenances=Provenances(store, roles.guard.provenance, taught),
            cascade=recipe.cascade,
            filters=from_spec(recipe.filters),
            checks=checks_from_spec(recipe.checks, roles),
            max_attempts=recipe.max_attempts,
            committer=Committer(lambda rows: None, in_thread=False),
            progress=Progress(),
            clock=time.time,
            bridges=recipe.form.style == "hint",
            reuse=Reuse(store, 0, is_new=True) if any(one.endpoint for one in taught) else None,
            teacher_keys=[one.key for one in taught],
            instructions=[teacher.instructions for teacher in roles.teachers],
        )


async def _label_here(roles: Roles, chunks: Sequence[Chunk]) -> dict[int, Label]:
    labels: list[Label] = []
    for start in range(0, len(chunks), LABEL_ROWS):
        labels += await roles.guard.label(chunks[start : start + LABEL_ROWS])
        await asyncio.sleep(0)
    return dict(enumerate(labels))


async def _settled(desk: Desk, chunk: Chunk, label: Label) -> RowResult:
    kept: list[ReflectionRow] = []

    async def keep(row: ReflectionRow) -> None:
        kept.append(row)

    await settle(desk, Work(0, int(chunk.document_id), chunk, label), keep)
    *_, last = kept
    rationale = str(last["rationale"])
    words = split_words(rationale)
    return RowResult(
        guard=label,
        answers=tuple(_answer(row) for row in kept if _is_answer(row)),
        verdict=Verdict(last["verdict"]),
        category=Category(last["category"]),
        road=Road(last["road"]),
        rationale=rationale,
        num_words=count_words(words),
        grounding=_grounding(chunk, label, last) if rationale else None,
    )


def _is_answer(row: ReflectionRow) -> bool:
    return row["road"] in (Road.TEACHER, Road.ASKED_AGAIN, Road.OVERRULED)


def _answer(row: ReflectionRow) -> Answer:
    if row["teacher_verdict"] is None:
        return Answer(None, row["reason"])
    said = Reflection(Verdict(row["teacher_verdict"]), Category(row["teacher_category"]))
    return Answer(said, row["reason"])


def _grounding(chunk: Chunk, label: Label, row: ReflectionRow) -> float:
    written = Reflection(Verdict(row["verdict"]), Category(row["category"]), row["rationale"])
    return grounding_score(Candidate(chunk, label, Reply(row["rationale"], written)))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that brought the others down."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
