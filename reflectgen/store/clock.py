"""The database's clock, the only one that leases are measured by: workers' own clocks may differ."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Float, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class db_now(FunctionElement[float]):  # noqa: N801  it reads like the SQL function that it is
    """Seconds since 1970 at the moment the statement runs."""

    type = Float()
    inherit_cache = True


@compiles(db_now, "sqlite")
def _sqlite(_element: Any, _compiler: Any, **_kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(db_now, "postgresql")
def _postgresql(_element: Any, _compiler: Any, **_kw: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


def now(connection: Connection) -> float:
    """Return what the database's clock says."""
    return float(connection.execute(select(db_now())).scalar_one())
