"""The final pass: filters that look across the whole job, in corpus order, so that workers cannot change their result.

A reflection whose rationale stands at too many different texts is withdrawn: a new revision repeats it with the reason,
and a newer one follows it, from the teacher if it finds other words, else from the template.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from reflectgen.filters.boilerplate import RepeatedBoilerplate
from reflectgen.jobs.budget import Budget
from reflectgen.jobs.settle import Desk, Work, after_rejection, ask, fallback_row
from reflectgen.records import Category, Decision, Label, Reflection, Road, Verdict
from reflectgen.shards import chunks_of, read_chunk_ends, read_document
from reflectgen.store import Store, corpus, reflections
from reflectgen.store.reflections import NOTHING_ASKED, ReflectionRow


async def review(
    store: Store,
    folder: Path,
    desk: Desk,
    boilerplate: RepeatedBoilerplate,
    slots: int,
    budget: Budget,
    stop: asyncio.Event,
) -> None:
    """Withdraw and replace repeated reflections, `slots` calls at a time; stopped and called again it goes on.

    Raises:
        TeacherError: the teacher cannot be asked; what was decided before is kept.
        OutputError: the store refused.
    """
    with store.read() as connection:
        texts = Texts(folder, corpus.shards(connection, desk.job_id))
        repeated = reflections.repeated(connection, desk.job_id, boilerplate.max_repeats)
        with closing(_surplus(repeated, boilerplate)) as surplus:
            while not (stop.is_set() or budget.reason) and (window := list(islice(surplus, slots))):
                works = [texts.work(row) for row, _ in window]
                answers = await ask_within(budget, desk, works)
                with store.write() as writing:
                    rows = list(_rows(writing, desk, boilerplate, window, works, answers))
                    reflections.add(writing, rows)


async def ask_within(budget: Budget, desk: Desk, works: Sequence[Work]) -> list[ReflectionRow]:
    """Return the answers to `works` in their order; where a limit is reached, those of the first ones only."""

    async def ask_if_admitted(work: Work) -> ReflectionRow | None:
        if not await budget.admit(replaces=True):
            return None
        try:
            return await ask(desk, work)
        finally:
            await budget.leave()

    answers = await asyncio.gather(*map(ask_if_admitted, works))
    return [answer for answer in answers if answer is not None]


def _surplus(repeated: Iterable[Any], boilerplate: RepeatedBoilerplate) -> Generator[tuple[Any, Decision], None, None]:
    """Yield those that come, in corpus order, after their rationale has stood at as many texts as it may."""
    texts: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for row in repeated:
        earlier = texts[row.rationale_key]
        decision = boilerplate.decide(len(earlier - {row.chunk_key}))
        if decision.accepted:
            earlier.add(row.chunk_key)
        elif row.chunk_key not in earlier:
            yield row, decision


class Texts:
    """The chunks of surplus reflections; they come in corpus order, so the last shard and document stay at hand."""

    def __init__(self, folder: Path, shards: Sequence[corpus.Shard]) -> None:
        self._shards = {shard.number: shard for shard in shards}
        self._ends = lru_cache(maxsize=1)(lambda number: read_chunk_ends(folder / self._shards[number].chunks_file))
        self._document = lru_cache(maxsize=1)(
            lambda number, row: read_document(folder / self._shards[number].corpus_file, row)
        )

    def work(self, row: Any) -> Work:
        """Return a reflection's chunk as work; its next answer comes after the revision that withdraws."""
        chunks = chunks_of(self._document(row.shard, row.document), self._ends(row.shard)[row.document])
        label = Label(Verdict(row.guard_verdict), Category(row.guard_category), row.guard_score, row.guard_native)
        # Its words were repeated, but what it said of the chunk can still be believed.
        said = Reflection(Verdict(row.teacher_verdict), Category(row.teacher_category)) if row.teacher_verdict else None
        return Work(row.shard, row.document, chunks[row.chunk], label, row.revision + 2, said=said)


def _rows(
    connection: Any,
    desk: Desk,
    boilerplate: RepeatedBoilerplate,
    window: Sequence[tuple[Any, Decision]],
    works: Sequence[Work],
    answers: Sequence[ReflectionRow],
) -> Iterator[ReflectionRow]:
    """Yield for each surplus reflection that has an answer its withdrawal, the answer, and the template where that
    fails too."""
    added: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for (old, decision), work, answer in zip(window, works, answers, strict=False):
        yield _withdrawal(old, decision, desk.clock())
        if not answer["reason"]:
            key = answer["rationale_key"]
            num_texts = reflections.num_texts_with(connection, desk.job_id, key) + len(added[key] - {old.chunk_key})
            again = boilerplate.decide(num_texts)
            if again.accepted:
                added[key].add(old.chunk_key)
            else:
                answer |= {"reason": again.reason, "detail": again.detail, "rationale_key": None}
        yield answer
        if answer["reason"]:
            yield fallback_row(desk, after_rejection(work, answer))


def _withdrawal(old: Any, decision: Decision, now: float) -> ReflectionRow:
    """Return the revision that repeats an accepted reflection in order to take it back."""
    taken_back = {"reason": decision.reason, "detail": decision.detail, "road": Road.WITHDRAWN.value}
    return {**old._mapping, **taken_back, **NOTHING_ASKED, "revision": old.revision + 1, "created_at": now}
