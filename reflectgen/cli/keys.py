"""`reflectgen keys`: who may use the service. It works on the database, so it needs no key itself."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from reflectgen.api.keys import Scope, new_token
from reflectgen.cli import options as o
from reflectgen.errors import InputError
from reflectgen.settings import read_service_settings
from reflectgen.store import Store, clock
from reflectgen.store import keys as stored

keys = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
DAY_SECONDS = 86_400.0


@keys.command()
def create(
    name: Annotated[str, typer.Option(help="Who or what it is for.")],
    scopes: Annotated[list[Scope], typer.Option("--scope", help="What it may do; give it again for more.")] = [  # noqa: B006
        Scope.READ,
        Scope.SUBMIT,
    ],
    days: Annotated[float | None, typer.Option(min=0, help="How long it holds; for good unless told.")] = None,
    as_json: o.AsJson = False,
) -> None:
    """Make a key and print it: this once, for only the hash of it is kept."""
    with _store() as store, store.write() as connection:
        expires_at = None if days is None else clock.now(connection) + days * DAY_SECONDS
        key_id, token = _add(connection, name, scopes, expires_at)
    if as_json:
        typer.echo(json.dumps({"id": key_id, "key": token, "scopes": [scope.value for scope in scopes]}))
    else:
        typer.echo(token)
        typer.echo(f"key {key_id} for {name}; it is not shown again", err=True)


def first_key(store: Store) -> str | None:
    """Make the key of whoever starts a service, which may do everything; None where any key was ever made."""
    with store.write() as connection:
        return None if stored.every(connection) else _add(connection, "first", [Scope.ADMIN], None)[1]


def _add(connection: Connection, name: str, scopes: Sequence[Scope], expires_at: float | None) -> tuple[str, str]:
    key_id, token, secret_sha256 = new_token()
    stored.add(connection, key_id, name, secret_sha256, tuple(scope.value for scope in scopes), expires_at)
    return key_id, token


@keys.command("list")
def list_keys(as_json: o.AsJson = False) -> None:
    """List the keys, revoked and expired ones too; no secret is among it."""
    with _store() as store, store.read() as connection:
        found = stored.every(connection)
    if as_json:
        names = ("id", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
        typer.echo(json.dumps([{name: getattr(key, name) for name in names} for key in found]))
        return
    table = Table("id", "name", "scopes", "made", "last used", "state", box=None, pad_edge=False)
    for key in found:
        table.add_row(key.id, key.name, " ".join(key.scopes), _day(key.created_at), _day(key.last_used_at), _state(key))
    Console(soft_wrap=True, highlight=False, markup=False).print(table)


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as listed.")]) -> None:
    """End a key for good; running services notice within two seconds."""
    with _store() as store, store.write() as connection:
        if not stored.revoke(connection, key_id):
            raise InputError(f"there is no key {key_id[:16]} that holds; see `reflectgen keys list`")
    typer.echo(f"revoked {key_id}", err=True)


def _store() -> Store:
    settings = read_service_settings()
    settings.data.mkdir(parents=True, exist_ok=True)
    return Store.at(settings.database.get_secret_value())


def _state(key: stored.Key) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    if key.expires_at is None:
        return "holds"
    return f"{'expired' if key.expires_at < time.time() else 'holds until'} {_day(key.expires_at)}"


def _day(when: float | None) -> str:
    return "never" if when is None else datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M")
