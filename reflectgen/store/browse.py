"""Finding documents for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, or_, select, tuple_

from reflectgen.records import Category, Road, Verdict
from reflectgen.store.reflections import REGENERATED, is_current, is_current_one_by_one
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


def sample_of_differences(connection: Connection, job_id: int, size: int) -> list[tuple[Any, Any]]:
    """Return up to `size` answers whose verdict is not the guard's, each with the reflection that stands, in order.

    An answer counts though it was rejected, for its verdict or its words, unless the teacher gave a newer verdict. They
    are those whose texts have the smallest hashes, which is as good as drawing lots and needs none.
    """
    later = reflection.alias("later")
    same_chunk = (later.c[name] == reflection.c[name] for name in ("shard", "document", "chunk"))
    other_verdict = and_(later.c.teacher_verdict.is_not(None), later.c.road != Road.WITHDRAWN.value)
    newer = (later.c.revision > reflection.c.revision, or_(other_verdict, later.c.reason == REGENERATED))
    # The offset is for PostgreSQL, as in `is_current_one_by_one`.
    overtaken = select(later.c.revision).where(later.c.job_id == job_id, *same_chunk, *newer).offset(0)
    differs = (reflection.c.teacher_verdict != reflection.c.guard_verdict, reflection.c.road != Road.WITHDRAWN.value)
    query = select(reflection).where(reflection.c.job_id == job_id, *differs, ~overtaken.exists())
    drawn = connection.execute(query.order_by(reflection.c.chunk_key).limit(size)).all()
    place = tuple_(reflection.c.shard, reflection.c.document, reflection.c.chunk)
    of_job = (reflection.c.job_id == job_id, place.in_([_place_of(row) for row in drawn]))
    standing = connection.execute(select(reflection).where(*of_job, is_current_one_by_one(job_id)))
    stands = {_place_of(row): row for row in standing}
    return [(row, stands[_place_of(row)]) for row in sorted(drawn, key=_place_of)]


def _place_of(row: Any) -> tuple[int, int, int]:
    return row.shard, row.document, row.chunk
