"""Finding documents for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from reflectgen.records import Category, Verdict
from reflectgen.store.reflections import is_current
from reflectgen.store.tables import reflection


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person looks for: chunks whose current reflection is so, or that had an answer rejected for a reason."""

    verdict: Verdict | None = None
    category: Category | None = None
    reason: str | None = None

    def current(self, answers: Sequence[Any]) -> Any | None:
        """Return the current reflection among one chunk's answers, which come in order of revision."""
        return next((answer for answer in reversed(answers) if not answer.reason), None)

    def fits(self, answers: Sequence[Any]) -> bool:
        """Whether one chunk, given with all its answers, is looked for."""
        if self.reason and all(answer.reason != self.reason for answer in answers):
            return False
        current = self.current(answers)
        if current is None:
            return self.verdict is None and self.category is None
        return self.verdict in (None, current.verdict) and self.category in (None, current.category)


def find_places(connection: Connection, job_id: int, wanted: Wanted, limit: int) -> list[tuple[int, int]]:
    """Return shard and row of the first documents, in corpus order, with a chunk that is looked for."""
    chunk = (reflection.c.shard, reflection.c.document, reflection.c.chunk)
    query = select(*chunk[:2]).where(reflection.c.job_id == job_id)
    if wanted.verdict or wanted.category:
        query = query.where(is_current())
    if wanted.verdict:
        query = query.where(reflection.c.verdict == wanted.verdict)
    if wanted.category:
        query = query.where(reflection.c.category == wanted.category)
    if wanted.reason:
        rejected = reflection.alias("rejected")
        same = [rejected.c[column.name] == column for column in (reflection.c.job_id, *chunk)]
        query = query.where(select(rejected.c.revision).where(*same, rejected.c.reason == wanted.reason).exists())
    query = query.distinct().order_by(*chunk[:2]).limit(limit)
    return [(row.shard, row.document) for row in connection.execute(query)]


def answers_of(connection: Connection, job_id: int, shard: int, document: int) -> list[Any]:
    """Return every answer about a document, by chunk and revision."""
    where = (reflection.c.job_id == job_id, reflection.c.shard == shard, reflection.c.document == document)
    query = select(reflection).where(*where).order_by(reflection.c.chunk, reflection.c.revision)
    return list(connection.execute(query))


def sample_of_differences(connection: Connection, job_id: int, size: int) -> list[Any]:
    """Return up to `size` current reflections on which guard and teacher differ, in corpus order.

    They are those whose texts have the smallest hashes, which is as good as drawing lots and needs none.
    """
    differs = (reflection.c.teacher_verdict != reflection.c.guard_verdict, is_current())
    query = select(reflection).where(reflection.c.job_id == job_id, *differs)
    drawn = connection.execute(query.order_by(reflection.c.chunk_key).limit(size))
    return sorted(drawn, key=lambda row: (row.shard, row.document, row.chunk))
