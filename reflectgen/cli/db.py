"""`reflectgen db`: the schema of the service's database, brought to this version's and looked at."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from reflectgen.errors import OutputError, StoreUnavailable
from reflectgen.settings import read_service_settings
from reflectgen.store import Store
from reflectgen.store.engine import newest_revision

T = TypeVar("T")

RETRY_SECONDS = 1.0

db = typer.Typer(
    help="The service's database: REFLECTGEN_DATABASE_URL, or the SQLite file under REFLECTGEN_DATA.",
    no_args_is_help=True,
)
Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for it, where it is not there yet.")]


@db.command()
def upgrade(wait: Wait = 0.0) -> None:
    """Bring the schema to the one of this version. Any number may do so at once; nothing to do is no error."""
    settings = read_service_settings()
    if settings.database_url is None:
        settings.data.mkdir(parents=True, exist_ok=True)
    store = _store()
    before = _patiently(store.revision, wait)
    _patiently(store.migrate, wait)
    after = store.revision()
    moved = "up to date at" if before == after else f"from {before or 'nothing'} to"
    _say(f"{store.address}: {moved} {after}")


@db.command()
def current(wait: Wait = 0.0) -> None:
    """Print the schema's revision, and the one of this version."""
    store = _store()
    typer.echo(f"{_patiently(store.revision, wait) or 'none'} (this version: {newest_revision()})")


@db.command()
def check(wait: Wait = 0.0) -> None:
    """End with exit code 4 unless the database can be reached and its schema is the one of this version."""
    store, newest = _store(), newest_revision()

    def is_current() -> None:
        found = store.revision()
        if found != newest:
            raise StoreUnavailable(
                f"the schema of {store.address} is {found or 'not there'}, this version needs {newest}; "
                "run `reflectgen db upgrade`"
            )

    _patiently(is_current, wait)
    _say(f"{store.address}: {newest}")


def _store() -> Store:
    return Store.at(read_service_settings().database.get_secret_value(), migrates=False)


def _patiently(do: Callable[[], T], wait_seconds: float) -> T:
    give_up = time.monotonic() + wait_seconds
    while True:
        try:
            return do()
        except OutputError as error:
            if not isinstance(error, StoreUnavailable) or time.monotonic() >= give_up:
                raise
        time.sleep(min(RETRY_SECONDS, max(0.0, give_up - time.monotonic())))


def _say(line: str) -> None:
    Console(highlight=False, soft_wrap=True).print(line, markup=False)
