"""Pages of jobs and of reflections, by keyset: a page costs the same wherever in the list it is."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select, tuple_

from reflectgen.store import jobs
from reflectgen.store.archives import Archive
from reflectgen.store.jobs import Job
from reflectgen.store.reflections import is_current_one_by_one
from reflectgen.store.reviews import Place
from reflectgen.store.tables import event, job, reflection, rejected_row, shard, source, task

WINDOW_CHUNKS = 20_000  # that are looked through at a time
LOOK_SECONDS = 0.04  # after which a page is what was found by then, however rare what it looks for is
_LAST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Figures:
    """What is shown of a job, from its shards and tasks; nothing here counts reflections one by one but the newest."""

    num_rows: int = 0
    num_documents: int = 0
    num_rejected_rows: int = 0
    num_chunks: int = 0
    num_settled: int = 0
    num_set_aside: int = 0  # chunks of quarantined tasks
    tasks: dict[str, dict[str, int]] = field(default_factory=dict)  # by kind, then state
    times: dict[str, float] = field(default_factory=dict)  # of the newest event of each kind


@dataclass(frozen=True, slots=True)
class Filters:
    """What reflections are looked for; `reason` is that of an answer about the same chunk that was rejected."""

    verdict: str | None = None
    category: str | None = None
    road: str | None = None
    reason: str | None = None
    text: str | None = None  # in the rationale, in whatever case


def find_job(connection: Connection, public_id: str, owner: str | None) -> Job | None:
    """Return a job of the service; `owner` is a key's id, None sees all."""
    found = jobs.find(connection, public_id)
    return found if found and owner in (None, found.key_id) else None


def jobs_page(connection: Connection, owner: str | None, after: Job | None, limit: int) -> list[Job]:
    """Return up to `limit` jobs, the newest first, that follow `after`."""
    query = select(job).where(job.c.public_id.is_not(None)).order_by(job.c.id.desc()).limit(limit)
    if owner is not None:
        query = query.where(job.c.key_id == owner)
    if after:
        query = query.where(job.c.id < after.id)
    return [jobs.of_row(row) for row in connection.execute(query)]


def figures_of(connection: Connection, job_ids: Sequence[int]) -> dict[int, Figures]:
    """Return the figures of several jobs, in as many queries as for one."""
    ids = list(job_ids)
    rows = _sums(connection, source.c.job_id, func.sum(source.c.num_rows), ids)
    rejected = _sums(connection, rejected_row.c.job_id, func.count(), ids)
    documents = _sums(connection, shard.c.job_id, func.sum(shard.c.num_documents), ids)
    states = (shard.c.job_id, shard.c.state)
    by_state = select(*states, func.sum(shard.c.num_chunks)).where(shard.c.job_id.in_(ids)).group_by(*states)
    chunks: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for job_id, state, number in connection.execute(by_state):
        chunks[job_id][state] = int(number)
    under_way = _under_way(connection, ids)
    set_aside = _set_aside(connection, ids)
    tasks, times = _tasks(connection, ids), _times(connection, ids)
    return {
        one: Figures(
            num_rows=rows.get(one, 0),
            num_documents=documents.get(one, 0),
            num_rejected_rows=rejected.get(one, 0),
            num_chunks=sum(chunks[one].values()),
            num_settled=chunks[one].get("reflected", 0) + under_way.get(one, 0),
            num_set_aside=set_aside.get(one, 0),
            tasks=tasks.get(one, {}),
            times=times.get(one, {}),
        )
        for one in ids
    }


def _sums(connection: Connection, key: Any, what: Any, ids: Sequence[int]) -> dict[int, int]:
    query = select(key, what).where(key.in_(ids)).group_by(key)
    return {row[0]: int(row[1] or 0) for row in connection.execute(query)}


def _under_way(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Count the settled chunks of shards that a worker is at: the only ones of which no sum is kept."""
    same = and_(shard.c.job_id == task.c.job_id, shard.c.number == task.c.number)
    leased = select(task.c.job_id, task.c.number).join(shard, same)
    leased = leased.where(task.c.job_id.in_(ids), task.c.kind == "reflect", task.c.state == "leased")
    counted: defaultdict[int, int] = defaultdict(int)
    for job_id, number in connection.execute(leased.where(shard.c.state == "ready")).all():
        where = (reflection.c.job_id == job_id, reflection.c.shard == number, reflection.c.reason == "")
        places = select(reflection.c.document, reflection.c.chunk).where(*where).distinct().subquery()
        counted[job_id] += connection.execute(select(func.count()).select_from(places)).scalar_one()
    return counted


def _set_aside(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    same = and_(shard.c.job_id == task.c.job_id, shard.c.number == task.c.number)
    query = select(task.c.job_id, func.sum(shard.c.num_chunks)).join(shard, same)
    query = query.where(task.c.job_id.in_(ids), task.c.kind == "reflect", task.c.state == "quarantined")
    return {row[0]: int(row[1]) for row in connection.execute(query.group_by(task.c.job_id))}


def _tasks(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, dict[str, int]]]:
    columns = (task.c.job_id, task.c.kind, task.c.state)
    found: dict[int, dict[str, dict[str, int]]] = {}
    query = select(*columns, func.count()).where(task.c.job_id.in_(ids)).group_by(*columns).order_by(*columns)
    for job_id, kind, state, number in connection.execute(query):
        found.setdefault(job_id, {}).setdefault(kind, {})[state] = number
    return found


def _times(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, float]]:
    columns = (event.c.job_id, event.c.kind)
    wanted = (event.c.job_id.in_(ids), event.c.kind != "shard_reflected")  # of which there is one a shard
    query = select(*columns, func.max(event.c.created_at)).where(*wanted).group_by(*columns)
    found: dict[int, dict[str, float]] = {}
    for job_id, kind, when in connection.execute(query):
        found.setdefault(job_id, {})[kind] = when
    return found


@dataclass(frozen=True, slots=True)
class ReflectionsPage:
    """Rows of current reflections in corpus order; `next_place` is where the next page goes on, None at the end."""

    rows: list[Any]
    next_place: Place | None


# Returns the rows of an archived shard that a page wants: which archive, what for, after which place, how many.
ReadArchive = Callable[[Archive, Filters, Place | None, int], list[Any]]


def reflections_page(
    connection: Connection, job_id: int, wanted: Filters, after: Place | None, limit: int, read: ReadArchive
) -> ReflectionsPage:
    """Return reflections that follow `after`. A page may be short, even empty, though there are more."""
    place = tuple_(reflection.c.shard, reflection.c.document, reflection.c.chunk)
    asked = select(reflection).where(reflection.c.job_id == job_id, is_current_one_by_one(job_id))
    asked = asked.order_by(reflection.c.shard, reflection.c.document, reflection.c.chunk)
    rows: list[Any] = []
    first = after[0] if after else 0
    give_up = time.monotonic() + LOOK_SECONDS
    while True:
        last, is_end, archive = _window(connection, job_id, first)
        since = after if after and after[0] == first else None
        if archive:
            rows += read(archive, wanted, since, limit + 1 - len(rows))
        else:
            query = _wanted(asked.where(reflection.c.shard.between(first, last)), wanted, first, last)
            if since:
                query = query.where(place > since)
            rows += connection.execute(query.limit(limit + 1 - len(rows)))
        if len(rows) > limit:
            end = rows[limit - 1]
            return ReflectionsPage(rows[:limit], (end.shard, end.document, end.chunk))
        if is_end or time.monotonic() > give_up:
            return ReflectionsPage(rows, None if is_end else (last, _LAST, _LAST))
        first = last + 1


def _window(connection: Connection, job_id: int, first: int) -> tuple[int, bool, Archive | None]:
    """Return the last shard to look through at a time, whether it is the job's last, and the archive if it is one."""
    columns = (shard.c.number, shard.c.num_chunks, shard.c.archive_file, shard.c.archive_sha256)
    query = select(*columns).where(shard.c.job_id == job_id, shard.c.number >= first)
    num_chunks, last, alone = 0, first, None
    for number, more, file, sha256 in connection.execute(query.order_by(shard.c.number).limit(WINDOW_CHUNKS)):
        if alone or num_chunks >= WINDOW_CHUNKS or (file and number > first):
            return last, False, alone
        num_chunks, last = num_chunks + more, number
        alone = Archive(number, file, sha256) if file else None
    return last, True, alone


def _wanted(query: Select[Any], wanted: Filters, first: int, last: int) -> Select[Any]:
    for name in ("verdict", "category", "road"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(reflection.c[name] == value)
    if wanted.text:
        query = query.where(reflection.c.rationale.icontains(wanted.text, autoescape=True))
    if wanted.reason:
        rejected = reflection.alias("rejected")
        same = [rejected.c[name] == reflection.c[name] for name in ("job_id", "shard", "document", "chunk")]
        # The shards are named once more, or the whole job is searched for every page.
        among = (rejected.c.shard.between(first, last), rejected.c.reason == wanted.reason)
        query = query.where(select(rejected.c.revision).where(*same, *among).exists())
    return query
