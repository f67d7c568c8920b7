"""PostgreSQL, for a fleet: through psycopg 3, with a small pool in every process."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from reflectgen.store.streaming import close_streams

POOL_SIZE = 4  # of a process: somebody reads, somebody writes, a heartbeat, one to spare
MAX_OVERFLOW = 12
CONNECT_SECONDS = 10
RECYCLE_SECONDS = 1800  # older connections are replaced, since something between may have forgotten them
PING_AFTER_SECONDS = 1.0  # of rest, a connection is asked whether it is still one
_RESTS_SINCE = "reflectgen: rests since"
MIGRATION_LOCK = 0x7265666C  # "refl"; an advisory lock's number is ours alone within our database
# What passes by itself: connections lost or refused (08, 53300, 57P), a conflict of transactions (40), a lock not to
# be had in time (55P03).
_PASSING = ("08", "40", "57P", "53300", "55P03")


def postgres_engine(url: URL) -> Engine:
    """Return an engine; it connects when it is first used."""
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
        pool_recycle=RECYCLE_SECONDS,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "reflectgen"},
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "checkin", _rests)
    event.listen(engine, "checkout", partial(_is_still_there, engine.dialect))
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection with one steady view of the data, which cannot write."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        try:
            yield connection
        finally:
            close_streams(connection)


def lock_for_migration(connection: Connection) -> None:
    """Wait for others who migrate; held to the end of the transaction."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})


def is_passing(error: BaseException) -> bool:
    """Whether the same may go well in a while: the server is away or starting, or another transaction was first."""
    import psycopg

    said = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(said, psycopg.Error):
        return False
    if said.sqlstate is not None:
        return said.sqlstate.startswith(_PASSING)
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(said, psycopg.OperationalError)  # without a code it is the connection's


def _rests(_dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_RESTS_SINCE] = time.monotonic()


def _is_still_there(dialect: Dialect, dbapi_connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    # Asking each time would double what a short read costs.
    if time.monotonic() - record.info.get(_RESTS_SINCE, math.inf) < PING_AFTER_SECONDS:
        return
    try:
        dialect.do_ping(dbapi_connection)
    except Exception as error:
        raise InvalidatePoolError("the server was away; all its connections are lost") from error


def _set_up(dbapi_connection: Any, _record: object) -> None:
    # A plan that is made for the job at hand looks at that job's partition alone; one made for any job locks all.
    dbapi_connection.execute("SET plan_cache_mode = force_custom_plan")
    dbapi_connection.commit()
