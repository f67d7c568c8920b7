"""Which corpus shards a job has, where each document lies, and which rows became none."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, func, insert, select, update

from reflectgen.records import RejectedRow
from reflectgen.store.streaming import streamed
from reflectgen.store.tables import document, rejected_row, shard, source


@dataclass(frozen=True, slots=True)
class Shard:
    """A corpus shard and its chunks; files are named within the job's folder."""

    number: int
    corpus_file: str
    corpus_sha256: str
    chunks_file: str
    chunks_sha256: str
    splitter: str
    num_documents: int
    num_chunks: int
    num_bytes: int
    state: str = "ready"


def document_key(document_id: str) -> bytes:
    """Return the 16 bytes that a document is found by."""
    return hashlib.blake2b(document_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def known_keys(connection: Connection, job_id: int, keys: Sequence[bytes]) -> set[bytes]:
    """Return those of `keys` that a document of this job already has."""
    query = select(document.c.key).where(document.c.job_id == job_id, document.c.key.in_(keys))
    return set(connection.scalars(query))


def add_shard(connection: Connection, job_id: int, added: Shard, keys: Sequence[bytes]) -> None:
    """Add a shard that has been written, with its documents' keys by row."""
    connection.execute(insert(shard).values(job_id=job_id, **asdict(added)))
    rows = [{"job_id": job_id, "key": key, "shard": added.number, "row": row} for row, key in enumerate(keys)]
    if rows:
        connection.execute(insert(document), rows)


def add_rejected_rows(connection: Connection, job_id: int, rows: Sequence[tuple[int, int, RejectedRow]]) -> None:
    """Keep rejected rows, each given with its source's number and its ordinal there."""
    if rows:
        values = [
            {"job_id": job_id, "source": number, "row": row, "line": r.line, "reason": r.reason, "detail": r.detail}
            for number, row, r in rows
        ]
        connection.execute(insert(rejected_row), values)


def rejected_rows(connection: Connection, job_id: int) -> Iterator[RejectedRow]:
    """Yield every rejected row, in the order of the input."""
    query = (
        select(source.c.path, rejected_row.c.line, rejected_row.c.reason, rejected_row.c.detail)
        .join(source, (source.c.job_id == rejected_row.c.job_id) & (source.c.number == rejected_row.c.source))
        .where(rejected_row.c.job_id == job_id)
        .order_by(rejected_row.c.source, rejected_row.c.row)
    )
    for row in streamed(connection, query):
        yield RejectedRow(*row)


def shards(connection: Connection, job_id: int) -> list[Shard]:
    """Return a job's shards by number."""
    columns = [shard.c[name] for name in Shard.__slots__]
    query = select(*columns).where(shard.c.job_id == job_id).order_by(shard.c.number)
    return [Shard(*row) for row in connection.execute(query)]


def shard_number(connection: Connection, job_id: int, number: int) -> Shard:
    """Return one shard of a job.

    Raises:
        NoResultFound: there is no such shard.
    """
    columns = [shard.c[name] for name in Shard.__slots__]
    query = select(*columns).where(shard.c.job_id == job_id, shard.c.number == number)
    return Shard(*connection.execute(query).one())


def num_shards(connection: Connection, job_id: int) -> int:
    return connection.execute(select(func.count()).where(shard.c.job_id == job_id)).scalar_one()


def mark_reflected(connection: Connection, job_id: int, number: int) -> None:
    where = (shard.c.job_id == job_id, shard.c.number == number)
    connection.execute(update(shard).where(*where).values(state="reflected"))


def find_document(connection: Connection, job_id: int, document_id: str) -> tuple[int, int] | None:
    """Return the shard number and the row of a document, or None."""
    query = select(document.c.shard, document.c.row)
    query = query.where(document.c.job_id == job_id, document.c.key == document_key(document_id))
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.shard, row.row)


def num_rejected_rows(connection: Connection, job_id: int) -> int:
    count = select(func.count()).select_from(rejected_row).where(rejected_row.c.job_id == job_id)
    return connection.execute(count).scalar_one()


def files_of(connection: Connection, job_id: int, numbers: Collection[int]) -> dict[int, str]:
    """Return the corpus files of some of a job's shards, by number."""
    query = select(shard.c.number, shard.c.corpus_file)
    query = query.where(shard.c.job_id == job_id, shard.c.number.in_(sorted(numbers)))
    return {row.number: row.corpus_file for row in connection.execute(query)}
