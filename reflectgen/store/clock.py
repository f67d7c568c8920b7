"""The time by the database's clock, which all workers share, whatever their own clocks say."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Float, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class db_now(FunctionElement[float]):  # noqa: N801  it reads as a function of SQL
    """Seconds since 1970, UTC, as an expression; it moves on within a transaction."""

    type = Float()
    inherit_cache = True


@compiles(db_now, "sqlite")
def _sqlite(element: db_now, compiler: Any, **options: Any) -> str:
    # The fraction of a second is there only in the Julian day: `unixepoch` got it in SQLite 3.42.
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(db_now, "postgresql")
def _postgresql(element: db_now, compiler: Any, **options: Any) -> str:
    return "extract(epoch FROM clock_timestamp())::float8"


def now(connection: Connection) -> float:
    """Return what the database's clock says."""
    return float(connection.execute(select(db_now())).scalar_one())
