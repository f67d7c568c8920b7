"""The numbers a person asks about a job; every one is counted from the rows, none is kept beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, cast, func, select

from reflectgen.store.reflections import is_current
from reflectgen.store.tables import reflection, rejected_row, shard, source

STANDS = ("teacher", "asked_again")  # the roads of answers of a teacher's that stand
UNSCORED = "unscored"  # the detail of an answer that a check accepted for want of a grade
ASKED = (*STANDS, "overruled")  # and of one that does not


@dataclass(frozen=True, slots=True)
class Counts:
    """A job in numbers. `num_replies` are the teacher's answers, `num_accepted` those that stand in the corpus now.

    The ledger balances when `num_rows == num_documents + num_rejected_rows` and every chunk has its reflection.
    """

    num_rows: int = 0
    num_documents: int = 0
    num_rejected_rows: int = 0
    num_bytes: int = 0
    num_chunks: int = 0
    num_reflections: int = 0
    num_replies: int = 0
    num_reused: int = 0  # of them, taken over from an equal chunk
    num_accepted: int = 0
    num_unscored: int = 0  # accepted though a check had no usable answer
    prompt_tokens: int = 0
    completion_tokens: int = 0
    rejected_rows: dict[str, int] = field(default_factory=dict)  # by reason
    verdicts: dict[str, int] = field(default_factory=dict)
    categories: dict[str, int] = field(default_factory=dict)
    roads: dict[str, int] = field(default_factory=dict)
    rejections: dict[str, int] = field(default_factory=dict)  # rejected replies by reason
    num_guard_teacher_differences: int = 0

    @property
    def acceptance_rate(self) -> float | None:
        """Share of the teacher's answers that were accepted; None when it was never asked."""
        return self.num_accepted / self.num_replies if self.num_replies else None

    @property
    def num_not_asked(self) -> int:
        """Chunks that the policy kept from a teacher who was asked about others."""
        return self.roads.get("template", 0) if self.num_replies else 0

    @property
    def num_calls_saved(self) -> int:
        """The first questions that asking about every chunk, each by itself, would have cost."""
        return self.num_reused + self.num_not_asked

    @property
    def tokens_saved(self) -> int:
        """What the saved calls would have cost, at what the others cost on average."""
        num_asked = self.num_replies - self.num_reused
        tokens = self.prompt_tokens + self.completion_tokens
        return round(self.num_calls_saved * tokens / num_asked) if num_asked else 0

    @property
    def balanced(self) -> bool:
        return self.num_rows == self.num_documents + self.num_rejected_rows and self.num_chunks == self.num_reflections

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "acceptance_rate": self.acceptance_rate,
            "balanced": self.balanced,
            "num_calls_saved": self.num_calls_saved,
            "tokens_saved": self.tokens_saved,
        }


@dataclass(frozen=True, slots=True)
class Part:
    """Groups of a job's answers that are not in the database, in the columns of the queries below."""

    current: Sequence[tuple[Any, ...]]
    answers: Sequence[tuple[Any, ...]]


def count_job(connection: Connection, job_id: int, beside: Sequence[Part] = ()) -> Counts:
    """Count a job; one pass over its current reflections, one over its answers. `beside` is counted with them."""
    rejected_rows = _rejected_rows(connection, job_id)
    num_rows = select(_sum(source.c.num_rows)).where(source.c.job_id == job_id)
    sums = select(*(_sum(shard.c[name]).label(name) for name in ("num_documents", "num_bytes", "num_chunks")))
    summed = connection.execute(sums.where(shard.c.job_id == job_id)).mappings().one()
    return Counts(
        num_rows=connection.execute(num_rows).scalar_one(),
        num_documents=summed["num_documents"],
        num_rejected_rows=sum(rejected_rows.values()),
        num_bytes=summed["num_bytes"],
        num_chunks=summed["num_chunks"],
        rejected_rows=rejected_rows,
        **_current_reflections(connection, job_id, beside),
        **_answers(connection, job_id, beside),
    )


def num_accepted(connection: Connection, job_id: int) -> int:
    """Return how many of the teacher's answers stand in the corpus now."""
    where = (reflection.c.job_id == job_id, is_current(), reflection.c.road.in_(STANDS))
    return connection.execute(select(func.count()).where(*where)).scalar_one()


def num_native_beginning(connection: Connection, job_id: int, beginning: str) -> int:
    """Return how many current reflections rest on a label whose native form begins so."""
    begins = reflection.c.guard_native.startswith(beginning, autoescape=True)
    where = (reflection.c.job_id == job_id, is_current(), begins)
    return connection.execute(select(func.count()).where(*where)).scalar_one()


def _sum(column: ColumnElement[int]) -> ColumnElement[int]:
    """The sum of a column, 0 for none; PostgreSQL makes a decimal number of it, which is of no use in JSON."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _rejected_rows(connection: Connection, job_id: int) -> dict[str, int]:
    query = select(rejected_row.c.reason, func.count()).where(rejected_row.c.job_id == job_id)
    return _sorted(Counter({row[0]: row[1] for row in connection.execute(query.group_by(rejected_row.c.reason))}))


def _current_reflections(connection: Connection, job_id: int, beside: Sequence[Part]) -> dict[str, Any]:
    columns = (reflection.c.verdict, reflection.c.category, reflection.c.road)
    differs = _sum(case((reflection.c.teacher_verdict != reflection.c.guard_verdict, 1), else_=0))
    query = select(*columns, func.count(), differs).where(reflection.c.job_id == job_id, is_current())
    verdicts, categories, roads = Counter[str](), Counter[str](), Counter[str]()
    num_differences = 0
    rows = connection.execute(query.group_by(*columns))
    for verdict, category, road, number, differing in chain(rows, *(part.current for part in beside)):
        verdicts[verdict] += number
        categories[category] += number
        roads[road] += number
        num_differences += differing
    return {
        "num_reflections": roads.total(),
        "num_accepted": sum(roads[road] for road in STANDS),
        "verdicts": _sorted(verdicts),
        "categories": _sorted(categories),
        "roads": _sorted(roads),
        "num_guard_teacher_differences": num_differences,
    }


def _answers(connection: Connection, job_id: int, beside: Sequence[Part]) -> dict[str, Any]:
    columns = (reflection.c.road, reflection.c.reason)
    tokens = (_sum(reflection.c.prompt_tokens), _sum(reflection.c.completion_tokens))
    reused = _sum(case((reflection.c.reused_from != "", 1), else_=0))
    unscored = _sum(case((and_(reflection.c.reason == "", reflection.c.detail == UNSCORED), 1), else_=0))
    query = (
        select(*columns, func.count(), reused, unscored, *tokens)
        .where(reflection.c.job_id == job_id)
        .group_by(*columns)
    )
    rejections = Counter[str]()
    num_replies = num_reused = num_unscored = prompt_tokens = completion_tokens = 0
    rows = chain(connection.execute(query), *(part.answers for part in beside))
    for road, reason, number, taken_over, not_scored, in_prompts, in_completions in rows:
        num_replies += number if road in ASKED else 0
        num_reused += taken_over
        num_unscored += not_scored
        prompt_tokens += in_prompts
        completion_tokens += in_completions
        rejections[reason] += number if reason else 0
    return {
        "num_replies": num_replies,
        "num_reused": num_reused,
        "num_unscored": num_unscored,
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "rejections": _sorted(+rejections),
    }


def _sorted(counts: Counter[str]) -> dict[str, int]:
    """The most frequent first, equals by name, so that the same job always prints the same."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
