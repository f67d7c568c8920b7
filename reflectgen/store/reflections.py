"""Reflections, revision by revision, and the one that is current for each chunk."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Select,
    and_,
    case,
    distinct,
    exists,
    func,
    insert,
    or_,
    select,
)

from reflectgen.records import Category, Label, Provenance, Reflection, Road, Verdict
from reflectgen.store.copying import copy_into
from reflectgen.store.streaming import streamed
from reflectgen.store.tables import label, provenance, reflection
from reflectgen.store.text import to_stored
from reflectgen.store.upsert import insert_into

ReflectionRow = dict[str, Any]  # the columns of table `reflection`

# Of a row that repeats another one for the record.
NOTHING_ASKED = {
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "rationale_key": None,
    "request_key": None,
    "reused_from": "",
}
COLUMNS = tuple(column.name for column in reflection.c)
FREE_TEXT = ("guard_native", "detail", "rationale", "evidence", "reply")  # what a corpus or a model wrote
STAGING = "loaded_reflection"  # a temporary table, into which many rows are copied first
COPY_FROM = 3  # rows from which a COPY is quicker than as many inserts
REGENERATED = "regenerated"  # the reason of a revision after which a chunk is asked about once more
REFUSAL = "refusal"  # the reason of an answer in which the teacher declines
ChunkPlace = tuple[int, int]  # document's row in its shard, chunk's index in the document


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one chunk is: revisions so far, whether it has what it needs, how many answers were refusals.

    `begin` is the first revision that counts: 0, or the one after it was last opened again.
    """

    num_revisions: int
    settled: bool
    num_refusals: int = 0
    begin: int = 0


def provenance_id(connection: Connection, record: Provenance) -> int:
    """Return the id of a provenance, added where it is new."""
    text = json.dumps(asdict(record), sort_keys=True)
    connection.execute(insert_into(connection, provenance).values(key=record.key, record=text).on_conflict_do_nothing())
    found: int = connection.execute(select(provenance.c.id).where(provenance.c.record == text)).scalar_one()
    return found


def provenances(connection: Connection) -> dict[int, Provenance]:
    """Return every provenance by its id."""
    rows = connection.execute(select(provenance.c.id, provenance.c.record))
    return {row.id: Provenance(**json.loads(row.record)) for row in rows}


def provenances_in_use(connection: Connection, job_id: int) -> list[int]:
    """Return the ids of those that a job's current reflections name."""
    query = select(reflection.c.provenance_id).where(reflection.c.job_id == job_id, is_current()).distinct()
    return sorted(connection.scalars(query))


def add(connection: Connection, rows: Sequence[ReflectionRow]) -> None:
    """Keep answers; a revision that is already there is an error, never overwritten."""
    if connection.dialect.name == "postgresql" and len(rows) > COPY_FROM:
        copy_into(connection, reflection.name, COLUMNS, map(_values_of(COLUMNS), rows))
    elif connection.dialect.name == "postgresql":
        connection.execute(insert(reflection), [{name: row[name] for name in COLUMNS} for row in rows])
    else:
        statement, names = _insert_statement(connection.dialect)
        # Straight to the driver: little here needs converting, and a job has many rows.
        connection.exec_driver_sql(statement, list(map(_values_of(names), rows)))


def load(connection: Connection, rows: Sequence[ReflectionRow]) -> int:
    """Keep answers of which some may be there already: those stay as they are. Return how many were new."""
    if not rows:
        return 0
    if connection.dialect.name != "postgresql":
        before = num_answers(connection, rows[0]["job_id"])
        connection.execute(insert_into(connection, reflection).on_conflict_do_nothing(), list(rows))
        return num_answers(connection, rows[0]["job_id"]) - before
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE IF NOT EXISTS {STAGING} (LIKE reflection) ON COMMIT DROP")
    connection.exec_driver_sql(f"TRUNCATE {STAGING}")
    copy_into(connection, STAGING, COLUMNS, map(_values_of(COLUMNS), rows))
    moved = f"INSERT INTO reflection SELECT * FROM {STAGING} ON CONFLICT DO NOTHING"  # noqa: S608  a name of ours
    return connection.exec_driver_sql(moved).rowcount


def num_answers(connection: Connection, job_id: int, shard: int | None = None) -> int:
    """Return how many answers a job has, of all revisions; or one shard of it."""
    query = select(func.count()).where(reflection.c.job_id == job_id)
    return connection.execute(query if shard is None else query.where(reflection.c.shard == shard)).scalar_one()


@cache
def _insert_statement(dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """Return the statement that keeps an answer, and its columns in the statement's order."""
    compiled = insert(reflection).compile(dialect=dialect)
    return str(compiled), tuple(cast("list[str]", compiled.positiontup))


@cache
def _values_of(names: tuple[str, ...]) -> Callable[[ReflectionRow], tuple[Any, ...]]:
    """Return what takes the values of `names` out of a row, as a database keeps them."""
    taken, free = itemgetter(*names), [names.index(name) for name in FREE_TEXT]

    def values(row: ReflectionRow) -> tuple[Any, ...]:
        found = list(taken(row))
        for place in free:
            if text := found[place]:
                found[place] = to_stored(text)
        return tuple(found)

    return values


def add_labels(connection: Connection, job_id: int, labels: Sequence[tuple[int, int, int, Label]]) -> None:
    """Keep labels that cost a call each, given with shard, document and chunk; those already there stay."""
    rows = [
        {
            "job_id": job_id,
            "shard": shard,
            "document": document,
            "chunk": chunk,
            "verdict": given.verdict,
            "category": given.category,
            "score": given.score,
            "native": given.native,
        }
        for shard, document, chunk, given in labels
    ]
    connection.execute(insert_into(connection, label).on_conflict_do_nothing(), rows)


def labels_of(connection: Connection, job_id: int, shard: int) -> dict[ChunkPlace, Label]:
    """Return the kept labels of a shard's chunks."""
    query = select(label).where(label.c.job_id == job_id, label.c.shard == shard)
    return {
        (row.document, row.chunk): Label(Verdict(row.verdict), Category(row.category), row.score, row.native)
        for row in connection.execute(query)
    }


def any_kept(connection: Connection, job_id: int) -> bool:
    """Tell whether a job holds an answer or a label that it would be a loss to throw away."""
    answers = select(reflection.c.revision).where(reflection.c.job_id == job_id).limit(1)
    labels = select(label.c.chunk).where(label.c.job_id == job_id).limit(1)
    return any(connection.execute(query).first() is not None for query in (answers, labels))


def progress_of(connection: Connection, job_id: int, shard: int) -> dict[ChunkPlace, Progress]:
    """Return how far each chunk of a shard is; chunks without an answer are absent."""
    revision, reason = reflection.c.revision, reflection.c.reason
    accepted = func.max(case((reason == "", revision), else_=-1))
    opened = func.max(case((reason == REGENERATED, revision), else_=-1))
    refusals = func.sum(case((reason == REFUSAL, 1), else_=0))
    query = (
        select(reflection.c.document, reflection.c.chunk, func.max(revision) + 1, accepted, opened, refusals)
        .where(reflection.c.job_id == job_id, reflection.c.shard == shard)
        .group_by(reflection.c.document, reflection.c.chunk)
    )
    return {
        (document, chunk): Progress(number, last_accepted > last_opened, num_refusals, last_opened + 1)
        for document, chunk, number, last_accepted, last_opened, num_refusals in connection.execute(query)
    }


def said_of(connection: Connection, job_id: int, shard: int, reasons: Collection[str]) -> dict[ChunkPlace, Reflection]:
    """Return, for a shard's chunks, the newest verdict of the teacher's among answers rejected for one of `reasons`."""
    query = (
        select(reflection.c.document, reflection.c.chunk, reflection.c.teacher_verdict, reflection.c.teacher_category)
        .where(reflection.c.job_id == job_id, reflection.c.shard == shard)
        .where(reflection.c.teacher_verdict.is_not(None), reflection.c.reason.in_(sorted(reasons)))
        .order_by(reflection.c.revision)
    )
    return {(row[0], row[1]): Reflection(Verdict(row[2]), Category(row[3])) for row in connection.execute(query)}


def with_requests(connection: Connection, job_id: int, keys: Collection[bytes]) -> dict[bytes, ReflectionRow]:
    """Return the first answer that was kept for each question, by its key; questions never asked are absent."""
    query = (
        select(reflection)
        .where(reflection.c.job_id == job_id, reflection.c.request_key.in_(list(keys)), reflection.c.reused_from == "")
        .order_by(reflection.c.shard.desc(), reflection.c.document.desc(), reflection.c.chunk.desc())
    )
    return {row.request_key: dict(row._mapping) for row in connection.execute(query)}


@cache  # it is built anew for every query otherwise, which takes longer than a page's query
def is_current() -> ColumnElement[bool]:
    """The accepted row of the highest revision: what a chunk's reflection is."""
    later = reflection.alias("later")
    same_chunk = and_(*(later.c[name] == reflection.c[name] for name in ("job_id", "shard", "document", "chunk")))
    accepted_later = exists().where(same_chunk, later.c.revision > reflection.c.revision, later.c.reason == "")
    return and_(reflection.c.reason == "", ~accepted_later)


def is_current_one_by_one(job_id: int) -> ColumnElement[bool]:
    """The same for a query that needs few of a job's rows, about each of which the primary key is asked.

    PostgreSQL may not make a join of it (that is what the offset is for): in a partition whose rows nobody has counted
    yet, it would choose one that compares all with all.
    """
    later = reflection.alias("later")
    same_chunk = (later.c[name] == reflection.c[name] for name in ("shard", "document", "chunk"))
    accepted = (later.c.revision > reflection.c.revision, later.c.reason == "")
    accepted_later = select(later.c.revision).where(later.c.job_id == job_id, *same_chunk, *accepted).offset(0)
    return and_(reflection.c.reason == "", ~accepted_later.exists())


def current_query(job_id: int, shard: int) -> Select[Any]:
    """Ask for the current reflections of a shard in corpus order, with what an export says of them."""
    names = ("document", "chunk", "revision", "start", "end", "verdict", "category", "rationale", "road")
    return (
        select(*(reflection.c[name] for name in names), reflection.c.provenance_id)
        .where(reflection.c.job_id == job_id, reflection.c.shard == shard, is_current())
        .order_by(reflection.c.document, reflection.c.chunk)
    )


def current(connection: Connection, job_id: int, shard: int) -> Iterator[Any]:
    """Yield the current reflections of a shard in corpus order, as rows with what an export says of them."""
    yield from streamed(connection, current_query(job_id, shard))


def num_settled(connection: Connection, job_id: int, shard: int) -> int:
    """Return how many chunks of a shard have a current reflection, which is: how many have an accepted row.

    Asked so and not by `is_current`: while a shard is at work nobody has counted its rows yet, and a database that
    guesses a few compares every row with every other.
    """
    where = (reflection.c.job_id == job_id, reflection.c.shard == shard, reflection.c.reason == "")
    places = select(reflection.c.document, reflection.c.chunk).where(*where).distinct().subquery()
    return connection.execute(select(func.count()).select_from(places)).scalar_one()


def repeated(connection: Connection, job_id: int, max_repeats: int) -> Iterator[Any]:
    """Yield, in corpus order, current reflections whose rationale stands at more than `max_repeats` different texts."""
    written = (reflection.c.job_id == job_id, reflection.c.rationale_key.is_not(None), is_current())
    keys = (
        select(reflection.c.rationale_key)
        .where(*written)
        .group_by(reflection.c.rationale_key)
        .having(func.count(distinct(reflection.c.chunk_key)) > max_repeats)
    )
    query = (
        select(reflection)
        .where(*written, reflection.c.rationale_key.in_(keys))
        .order_by(reflection.c.shard, reflection.c.document, reflection.c.chunk)
    )
    yield from streamed(connection, query)


def rationales(connection: Connection, job_id: int, withdrawn_for: str) -> Iterator[Any]:
    """Yield, in corpus order, the teacher's accepted rationales: shard, document, chunk, rationale, chunk_key, reason.

    Of a chunk whose reflection was withdrawn for `withdrawn_for`, that one comes and not what followed it, so that
    whoever looks again sees what was seen before.
    """
    withdrawn = reflection.alias("withdrawn")
    same = [withdrawn.c[name] == reflection.c[name] for name in ("job_id", "shard", "document", "chunk")]
    was_withdrawn = exists().where(*same, withdrawn.c.reason == withdrawn_for)
    stands = and_(reflection.c.rationale_key.is_not(None), is_current(), ~was_withdrawn)
    names = ("shard", "document", "chunk", "rationale", "chunk_key", "reason")
    query = (
        select(*(reflection.c[name] for name in names))
        .where(reflection.c.job_id == job_id, or_(stands, reflection.c.reason == withdrawn_for))
        .order_by(reflection.c.shard, reflection.c.document, reflection.c.chunk)
    )
    yield from streamed(connection, query)


def withdraw(connection: Connection, job_id: int, places: Sequence[tuple[int, int, int, str]], reason: str) -> None:
    """Take back the current reflection of each place, given as shard, document, chunk and the detail to note."""
    for shard, document, chunk, detail in places:
        place = (reflection.c.shard == shard, reflection.c.document == document, reflection.c.chunk == chunk)
        query = select(reflection).where(reflection.c.job_id == job_id, *place, is_current())
        old = connection.execute(query).one()
        taken_back = {"reason": reason, "detail": detail, "road": Road.WITHDRAWN.value, "revision": old.revision + 1}
        add(connection, [{**old._mapping, **taken_back, **NOTHING_ASKED}])


def withdrawn(connection: Connection, job_id: int, reason: str, *, replaced: bool) -> Generator[Any, None, None]:
    """Yield, in corpus order, the rows that took reflections back for `reason`, with or without a newer one.

    Of the replaced ones, `newer` is what stands there now.
    """
    later = reflection.alias("later")
    same = [later.c[name] == reflection.c[name] for name in ("job_id", "shard", "document", "chunk")]
    accepted = (*same, later.c.revision > reflection.c.revision, later.c.reason == "")
    newer = select(func.max(later.c.rationale)).where(*accepted, later.c.rationale_key.is_not(None)).scalar_subquery()
    has_newer = exists().where(*accepted)
    query = (
        select(reflection, newer.label("newer"))
        .where(reflection.c.job_id == job_id, reflection.c.reason == reason, has_newer if replaced else ~has_newer)
        .order_by(reflection.c.shard, reflection.c.document, reflection.c.chunk)
    )
    yield from streamed(connection, query)


def num_texts_with(connection: Connection, job_id: int, rationale_key: bytes) -> int:
    """Return at how many different chunk texts a rationale stands now."""
    where = (reflection.c.job_id == job_id, reflection.c.rationale_key == rationale_key, is_current())
    return connection.execute(select(func.count(distinct(reflection.c.chunk_key))).where(*where)).scalar_one()
