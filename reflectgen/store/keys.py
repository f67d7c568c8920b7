"""API keys: their public part, what they may do, and the hash of the secret; the secret itself is nowhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from reflectgen.store.clock import db_now
from reflectgen.store.tables import api_key


@dataclass(frozen=True, slots=True)
class Key:
    """`secret_sha256` is of 256 random bits, which no dictionary helps to guess, so it needs no slow hash."""

    id: str
    name: str
    secret_sha256: str
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None


def add(
    connection: Connection,
    key_id: str,
    name: str,
    secret_sha256: str,
    scopes: tuple[str, ...],
    expires_at: float | None,
) -> None:
    values = {"id": key_id, "name": name, "secret_sha256": secret_sha256, "scopes": json.dumps(list(scopes))}
    connection.execute(insert(api_key).values(**values, created_at=db_now(), expires_at=expires_at))


def get(connection: Connection, key_id: str) -> Key | None:
    row = connection.execute(select(api_key).where(api_key.c.id == key_id)).one_or_none()
    return None if row is None else _key(row)


def every(connection: Connection) -> list[Key]:
    """Return all keys, revoked ones too, oldest first."""
    return [_key(row) for row in connection.execute(select(api_key).order_by(api_key.c.created_at, api_key.c.id))]


def revoke(connection: Connection, key_id: str) -> bool:
    """End a key for good; False if there is none that still holds."""
    where = (api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
    return connection.execute(update(api_key).where(*where).values(revoked_at=db_now())).rowcount == 1


def note_use(connection: Connection, key_id: str) -> None:
    connection.execute(update(api_key).where(api_key.c.id == key_id).values(last_used_at=db_now()))


def _key(row: Row[Any]) -> Key:
    return Key(
        row.id,
        row.name,
        row.secret_sha256,
        tuple(json.loads(row.scopes)),
        row.created_at,
        row.expires_at,
        row.last_used_at,
        row.revoked_at,
    )
