"""The one handle on the database: a write at a time on SQLite, any number on PostgreSQL; any number of reads."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Connection, Engine, text

from reflectgen.store import clock, postgres, sqlite
from reflectgen.store import engine as engines
from reflectgen.store.engine import Address, readable_errors
from reflectgen.store.partitions import name_of
from reflectgen.store.tables import reflection


class Store:
    """Open a job's database; use it as a context manager.

    Raises:
        StoreUnavailable: from every method, when the database cannot be reached; the same may go well later.
        OutputError: when it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._prepare(Address(URL.create("sqlite", database=str(path))), migrates=True)
        with readable_errors(self.address):
            self._engine()

    @classmethod
    def at(cls, url: str, *, migrates: bool = True) -> Self:
        """Return the store at `sqlite:///PATH` or `postgresql://...`, which is opened when it is first used.

        A process that was forked from one with an open store opens it anew. Without `migrates` the schema has to be
        the one of this code, or reading and writing fail.

        Raises:
            OutputError: `url` names no store.
        """
        store = cls.__new__(cls)
        store._prepare(Address.of(url), migrates=migrates)
        return store

    def _prepare(self, address: Address, *, migrates: bool) -> None:
        self.address = address
        self._migrates = migrates
        self._opened: Engine | None = None
        self._opened_in = 0  # the process
        self._opening = threading.Lock()
        self._check: Callable[[Connection], None] | None = None

    def fenced(self, check: Callable[[Connection], None]) -> Store:
        """Return the same store, whose every transaction of changes begins with `check`; what it raises ends it."""
        self._engine()  # opened here, so that both share it
        twin = copy.copy(self)
        twin._check = check
        return twin

    @property
    def dialect_name(self) -> str:
        """`sqlite` or `postgresql`."""
        return "postgresql" if self.address.is_postgres else "sqlite"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection whose changes are all kept, or none of them."""
        with readable_errors(self.address), self._engine().begin() as connection:
            if self._check:
                self._check(connection)
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection with one steady view of the data, which never waits for a writer."""
        reading = postgres.reading if self.address.is_postgres else sqlite.reading
        with readable_errors(self.address), reading(self._engine()) as connection:
            yield connection

    @staticmethod
    def now(connection: Connection) -> float:
        """Return the seconds since 1970 by the database's clock."""
        return clock.now(connection)

    def gather_statistics(self, job_id: int) -> None:
        """Let PostgreSQL count what a job has: its guesses for a fresh table make of a second's query a minute's."""
        if self.address.is_postgres:
            with self.write() as connection:
                connection.execute(text(f'ANALYZE "{name_of(reflection, job_id)}"'))

    def migrate(self) -> None:
        """Bring the schema to the one of this code."""
        with self._unmigrated() as engine:
            engines.migrate(engine)

    def revision(self) -> str | None:
        """Return the schema's revision, as it is; None: there is none yet."""
        with self._unmigrated() as engine, engine.connect() as connection:
            return engines.revision_of(connection)

    @contextmanager
    def _unmigrated(self) -> Iterator[Engine]:
        with readable_errors(self.address):
            engine = self.address.engine()
            try:
                yield engine
            finally:
                engine.dispose()

    def _engine(self) -> Engine:
        if self._opened is not None and self._opened_in == os.getpid():
            return self._opened
        with self._opening:
            if self._opened is not None and self._opened_in != os.getpid():
                self._opened.dispose(close=False)  # its connections are those of the process that was forked
                self._opened = None
            if self._opened is None:
                engine = self.address.engine()
                if self._migrates:
                    engines.migrate(engine)
                self._opened, self._opened_in = engine, os.getpid()
        return self._opened

    def close(self) -> None:
        """Let go of every connection; used again, the store is opened again."""
        with self._opening:
            if self._opened is not None:
                self._opened.dispose(close=self._opened_in == os.getpid())
                self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
