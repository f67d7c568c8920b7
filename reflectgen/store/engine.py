"""Opening a database by its address, and bringing its schema up to date."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from reflectgen.errors import OutputError, StoreUnavailable
from reflectgen.store import postgres, sqlite

if TYPE_CHECKING:
    import alembic.config


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is. It prints without user and password."""

    url: URL

    @classmethod
    def of(cls, url: str) -> Address:
        """Read `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`.

        Raises:
            OutputError: it is neither.
        """
        try:
            read = make_url(url)
        except (ArgumentError, ValueError):
            raise OutputError("the store's address cannot be read; give sqlite:///PATH or postgresql://...") from None
        known = read.get_backend_name() in ("sqlite", "postgresql", "postgres")
        if not known or (read.get_backend_name() == "sqlite" and not read.database):
            raise OutputError(f"{read.drivername}: is no address of a store; give sqlite:///PATH or postgresql://...")
        return cls(read)

    @property
    def is_postgres(self) -> bool:
        return self.url.get_backend_name() != "sqlite"

    @property
    def path(self) -> Path:
        """The file of SQLite."""
        return Path(self.url.database or "")

    def __str__(self) -> str:
        if not self.is_postgres:
            return str(self.path)
        port = f":{self.url.port}" if self.url.port else ""
        return f"postgresql://{self.url.host or ''}{port}/{self.url.database or ''}"

    def engine(self) -> Engine:
        return postgres.postgres_engine(self.url) if self.is_postgres else sqlite.sqlite_engine(self.path)


@contextmanager
def readable_errors(address: Address) -> Iterator[None]:
    """Turn the driver's errors into one line about the store, which holds no password.

    Raises:
        StoreUnavailable: it cannot be reached now; the same may go well later.
        OutputError: it refused.
    """
    drivers: tuple[type[BaseException], ...] = (DBAPIError, sqlite3.Error, *_psycopg_errors(address))
    try:
        yield
    except NoFreeConnection as error:
        raise StoreUnavailable(f"the store {address} has no free connection; try again later") from error
    except drivers as error:
        said = error.orig if isinstance(error, DBAPIError) else error
        line = next(iter(str(said).strip().splitlines()), type(said).__name__)
        passing = postgres.is_passing(error) if address.is_postgres else sqlite.is_busy(said or error)
        if passing:
            raise StoreUnavailable(f"the store {address} cannot be reached: {line}; try again later") from error
        remedy = "see the database's log" if address.is_postgres else "free space or rights, then run again"
        raise OutputError(f"the store {address} failed: {line}; {remedy}") from error


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to `revision`; two processes may do so at once, the second waits and finds it done."""
    from alembic import command

    with as_file(files("reflectgen.store") / "migrations") as scripts, engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            postgres.lock_for_migration(connection)
        config = alembic_config(scripts)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def revision_of(connection: Connection) -> str | None:
    """Return the schema's revision; None: there is no schema yet."""
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """Return the revision that this code works with."""
    from alembic.script import ScriptDirectory

    with as_file(files("reflectgen.store") / "migrations") as scripts:
        head = ScriptDirectory.from_config(alembic_config(scripts)).get_current_head()
    assert head is not None
    return head


def alembic_config(scripts: Path) -> alembic.config.Config:
    """Return a configuration that needs no ini file, so that migrations run from an installed wheel."""
    from alembic.config import Config  # slow to import, and only wanted here

    config = Config(stdout=sys.stdout)  # its default is the stream of the moment when it was imported
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    return config


def _psycopg_errors(address: Address) -> tuple[type[Exception], ...]:
    """What the driver raises where SQLAlchemy is not between, such as in a COPY."""
    if not address.is_postgres:
        return ()
    import psycopg

    return (psycopg.Error,)
