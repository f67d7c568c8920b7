"""COPY, PostgreSQL's way to take many rows at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection

LINES_AT_A_TIME = 500
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_into(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Add rows, with text as the database keeps it; one that is there already is an error.

    Raises:
        psycopg.Error: the database refused; nothing of the transaction is kept.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
        for block in _blocks(rows):
            copy.write(block)


def _blocks(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield COPY's text form of rows. The driver's own is made value by value and takes four times as long."""
    remaining = iter(rows)
    while some := list(islice(remaining, LINES_AT_A_TIME)):
        yield "".join(["\t".join([_FIELD[type(value)](value) for value in row]) + "\n" for row in some])


def _text(value: str) -> str:
    return value.translate(_ESCAPED) if not value.isprintable() or "\\" in value else value


class _Fields(dict[type, Callable[[Any], str]]):
    """How a value of each type is written; of a type that is derived from one of them, as that one."""

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        for known, written in list(self.items()):
            if issubclass(kind, known):
                self[kind] = written
                return written
        raise TypeError(f"a {kind.__name__} cannot be copied into a table")


_FIELD = _Fields(
    {
        bool: lambda value: "t" if value else "f",
        int: int.__repr__,
        float: float.__repr__,
        str: _text,
        bytes: lambda value: "\\\\x" + value.hex(),
        type(None): lambda _: "\\N",
    }
)
