"""SQLite, for one machine: WAL, one writer at a time, never over a network share."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

BUSY_SECONDS = 30  # that a writer waits for another


def sqlite_engine(path: Path) -> Engine:
    """Return an engine for the file at `path`, which is made where it is not there."""
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    _write_ahead(path)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that never takes the write lock, with one steady view of the data."""
    with engine.connect().execution_options(reading=True) as connection:
        yield connection


def is_busy(error: BaseException) -> bool:
    """Whether another writer held the file for longer than this one waits."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY


def _write_ahead(path: Path) -> None:
    """Switch the file to WAL, which it then stays in. Two who do so at once get SQLITE_BUSY whatever the time-out."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    give_up = time.monotonic() + BUSY_SECONDS
    try:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)
    finally:
        connection.close()


def _set_pragmas(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # the driver's own BEGIN is a deferred one; ours is sent on "begin"
    for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", "synchronous=NORMAL", "foreign_keys=ON"):
        dbapi_connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A deferred BEGIN that turns into a write fails with SQLITE_BUSY whatever the busy timeout is.
    kind = "DEFERRED" if connection.get_execution_options().get("reading") else "IMMEDIATE"
    connection.exec_driver_sql(f"BEGIN {kind}")
