"""Opening the database: SQLite for one machine (WAL, one writer at a time, never over a network share)."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from reflectgen.errors import OutputError

if TYPE_CHECKING:
    import alembic.config

BUSY_SECONDS = 30  # that a writer waits for another


def open_database(path: Path) -> Engine:
    """Open the SQLite file at `path`, made and migrated to the newest schema where needed.

    Raises:
        OutputError: the file cannot be written or is no database of ours.
    """
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    with readable_errors(path):
        _write_ahead(path)
        migrate(engine)
    return engine


@contextmanager
def readable_errors(path: Path) -> Iterator[None]:
    """Turn the driver's errors into one line about `path`.

    Raises:
        OutputError: the database refused.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        said = error.orig if isinstance(error, DBAPIError) else error
        raise OutputError(f"the store {path} failed: {said}; free space or rights, then run again") from error


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to `revision`; two processes may do so at once, the second waits and finds it done."""
    from alembic import command

    with as_file(files("reflectgen.store") / "migrations") as scripts, engine.begin() as connection:
        config = alembic_config(scripts)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def alembic_config(scripts: Path) -> alembic.config.Config:
    """Return a configuration that needs no ini file, so that migrations run from an installed wheel."""
    from alembic.config import Config  # slow to import, and only wanted here

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    return config


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that never takes the write lock, with one steady view of the data."""
    with engine.connect().execution_options(reading=True) as connection:
        yield connection


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
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
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
