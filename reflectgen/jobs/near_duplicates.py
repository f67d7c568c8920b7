"""The final pass for rationales that a teacher writes again and again with a word changed.

First every accepted rationale is looked at in corpus order, and the surplus ones are taken back: what is surplus
follows from the answers alone. Then each chunk whose reflection was taken back is asked about again, in corpus order
too, and the new answers are held against all the others. Stopped anywhere and called again, it comes to the same end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from reflectgen.filters.near_duplicate import NearDuplicates
from reflectgen.jobs.budget import Budget
from reflectgen.jobs.review import Texts, ask_within
from reflectgen.jobs.settle import Desk, Work, after_rejection, fallback_row
from reflectgen.shards import whole_file
from reflectgen.store import Store, corpus, reflections
from reflectgen.store.reflections import ReflectionRow

CURVE = "collapse_curve.json"
WITHDRAW_AT_ONCE = 1000


async def review_near_duplicates(
    store: Store, folder: Path, desk: Desk, near: NearDuplicates, slots: int, budget: Budget, stop: asyncio.Event
) -> None:
    """Withdraw and replace near-duplicates, `slots` calls at a time, and write how many there are along the corpus.

    Raises:
        TeacherError: the teacher cannot be asked; what was decided before is kept.
        OutputError: the store refused, or the folder cannot be written.
    """
    _withdraw_surplus(store, desk.job_id, near)
    with whole_file(folder / CURVE) as partial:
        partial.write_text(json.dumps(near.curve.to_json()) + "\n", encoding="utf-8")
    with store.read() as connection:
        texts = Texts(folder, corpus.shards(connection, desk.job_id))
        for row in reflections.withdrawn(connection, desk.job_id, near.name, replaced=True):
            if row.newer:
                near.decide(row.newer, row.chunk_key)
        with closing(reflections.withdrawn(connection, desk.job_id, near.name, replaced=False)) as waiting:
            while not (stop.is_set() or budget.reason) and (window := list(islice(waiting, slots))):
                works = [_work(texts, row) for row in window]
                answers = await ask_within(budget, desk, works)
                with store.write() as writing:
                    reflections.add(writing, list(_rows(desk, near, works, answers)))


def _withdraw_surplus(store: Store, job_id: int, near: NearDuplicates) -> None:
    """Look at every rationale in corpus order, and take back those that are too many and still stand."""
    with store.read() as connection:
        surplus = _surplus(connection, job_id, near)
        while places := list(islice(surplus, WITHDRAW_AT_ONCE)):
            with store.write() as writing:
                reflections.withdraw(writing, job_id, places, near.name)


def _surplus(connection: Connection, job_id: int, near: NearDuplicates) -> Iterator[tuple[int, int, int, str]]:
    for row in reflections.rationales(connection, job_id, near.name):
        decision = near.decide(row.rationale, row.chunk_key)
        if not decision.accepted and not row.reason:
            yield row.shard, row.document, row.chunk, decision.detail


def _work(texts: Texts, row: Any) -> Work:
    # `Texts` counts from the reflection that was taken back, one revision before.
    work = texts.work(row)
    return replace(work, num_revisions=row.revision + 1)


def _rows(
    desk: Desk, near: NearDuplicates, works: Sequence[Work], answers: Sequence[ReflectionRow]
) -> Iterator[ReflectionRow]:
    """Yield each new answer, and the template where it is not accepted either; the last works may have none."""
    for work, answer in zip(works, answers, strict=False):
        if not answer["reason"] and answer["rationale"]:
            again = near.decide(answer["rationale"], answer["chunk_key"])
            if not again.accepted:
                answer |= {"reason": again.reason, "detail": again.detail, "rationale_key": None}
        yield answer
        if answer["reason"]:
            yield fallback_row(desk, after_rejection(work, answer))
