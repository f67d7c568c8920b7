"""Corpora that were uploaded or named. `owner` is a key's id, which is in every query; None sees all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, tuple_

from reflectgen.store.clock import db_now
from reflectgen.store.tables import corpus, job


@dataclass(frozen=True, slots=True)
class Corpus:
    public_id: str
    key_id: str
    name: str
    path: str
    num_bytes: int
    sha256: str
    created_at: float


def add(connection: Connection, public_id: str, key_id: str, name: str, path: str, num_bytes: int, sha256: str) -> None:
    values = {"public_id": public_id, "key_id": key_id, "name": name, "path": path}
    connection.execute(insert(corpus).values(**values, num_bytes=num_bytes, sha256=sha256, created_at=db_now()))


def find(connection: Connection, public_id: str, owner: str | None, *, lock: bool = False) -> Corpus | None:
    """Return a corpus; with `lock` no job is added that reads it until the transaction ends."""
    query = _owned(owner).where(corpus.c.public_id == public_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _corpus(row)


def page(connection: Connection, owner: str | None, after: Corpus | None, limit: int) -> list[Corpus]:
    """Return up to `limit` corpora, the newest first, that follow `after`."""
    order = tuple_(corpus.c.created_at, corpus.c.public_id)
    query = _owned(owner).order_by(corpus.c.created_at.desc(), corpus.c.public_id.desc()).limit(limit)
    if after:
        query = query.where(order < (after.created_at, after.public_id))
    return [_corpus(row) for row in connection.execute(query)]


def is_wanted(connection: Connection, public_id: str) -> bool:
    """Whether a job that has not ended may still read a corpus."""
    left = (job.c.state != "finished", job.c.hold.not_in(("cancelled", "failed")))
    requests = connection.scalars(select(job.c.request).where(job.c.request.contains(public_id), *left))
    return any(json.loads(text)["request"]["corpus"] == public_id for text in requests)


def remove(connection: Connection, public_id: str) -> None:
    connection.execute(delete(corpus).where(corpus.c.public_id == public_id))


def _owned(owner: str | None) -> Select[Any]:
    return select(corpus) if owner is None else select(corpus).where(corpus.c.key_id == owner)


def _corpus(row: Row[Any]) -> Corpus:
    return Corpus(**row._mapping)
