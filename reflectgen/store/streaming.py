"""Rows that are read as they are used, so that memory does not grow with a job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, CursorResult, Select

ROWS_AT_A_TIME = 1000
_OPEN = "reflectgen: open streams"  # where a connection keeps them


def streamed(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    """Yield the rows of `query`; those that are not wanted in the end cost nothing."""
    result = connection.execute(query, execution_options={"yield_per": ROWS_AT_A_TIME})
    streams = connection.info.setdefault(_OPEN, [])
    streams.append(result)
    try:
        yield from result
    finally:
        if result in streams:
            streams.remove(result)
            result.close()


def close_streams(connection: Connection) -> None:
    """Close what was not read to its end: a cursor must not outlive its connection's use by whoever opened it."""
    if connection.invalidated:  # the server went away, and its cursors with it
        return
    streams: list[CursorResult[Any]] = connection.info.pop(_OPEN, [])
    for result in streams:
        result.close()
    streams.clear()
