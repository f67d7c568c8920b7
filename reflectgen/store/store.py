"""The one handle on the database: a write at a time, any number of reads."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from reflectgen.store.engine import open_database, readable_errors, reading


class Store:
    """Open a job's database; use it as a context manager.

    Raises:
        OutputError: from every method, when the database cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = open_database(path)
        self._check: Callable[[Connection], None] | None = None

    def fenced(self, check: Callable[[Connection], None]) -> Store:
        """Return the same store, whose every transaction of changes begins with `check`; what it raises ends it."""
        twin = copy.copy(self)
        twin._check = check
        return twin

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection whose changes are all kept, or none of them."""
        with readable_errors(self.path), self._engine.begin() as connection:
            if self._check:
                self._check(connection)
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection with one steady view of the data, which never waits for a writer."""
        with readable_errors(self.path), reading(self._engine) as connection:
            yield connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()
