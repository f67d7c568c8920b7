"""Answers to requests that carried an Idempotency-Key: the same request gets the same answer each time it comes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, select, update

from reflectgen.store.clock import db_now
from reflectgen.store.tables import idempotency
from reflectgen.store.upsert import insert_into

KEPT_SECONDS = 48 * 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for what under which key; `fingerprint` is the SHA-256 of the canonical body."""

    key_id: str
    route: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answered:
    fingerprint: str
    status: int
    body: str


def reserve(connection: Connection, asked: Asked) -> Answered | None:
    """Take the key for the answer that this transaction makes; return the answer that it already stands for.

    Of two transactions at once the second waits here for the end of the first.
    """
    old = (idempotency.c.key_id == asked.key_id, idempotency.c.created_at < db_now() - KEPT_SECONDS)
    connection.execute(delete(idempotency).where(*old))
    values = {"key_id": asked.key_id, "route": asked.route, "key": asked.key, "fingerprint": asked.fingerprint}
    statement = insert_into(connection, idempotency).values(**values, status=0, body="", created_at=db_now())
    if connection.execute(statement.on_conflict_do_nothing().returning(idempotency.c.key)).first() is not None:
        return None
    columns = (idempotency.c.fingerprint, idempotency.c.status, idempotency.c.body)
    return Answered(*connection.execute(select(*columns).where(*_is(asked))).one())


def answer(connection: Connection, asked: Asked, status: int, body: str) -> None:
    """Keep the answer beside what it reports, in the transaction that made that."""
    connection.execute(update(idempotency).where(*_is(asked)).values(status=status, body=body))


def _is(asked: Asked) -> tuple[ColumnElement[bool], ...]:
    columns = (idempotency.c.key_id, idempotency.c.route, idempotency.c.key)
    return tuple(column == value for column, value in zip(columns, (asked.key_id, asked.route, asked.key), strict=True))
