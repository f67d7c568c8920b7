"""`reflectgen db` on both databases, and while the database is not there yet."""

import threading
import time

import pytest

from reflectgen.cli import main
from reflectgen.store import Store
from reflectgen.store.engine import newest_revision
from tests.servers import PostgresServer


@pytest.fixture
def address(any_empty_url, monkeypatch):
    monkeypatch.setenv("REFLECTGEN_DATABASE_URL", any_empty_url)
    return any_empty_url


@pytest.fixture(params=["sqlite", "postgresql"])
def any_empty_url(request, tmp_path):
    if request.param == "postgresql":
        return request.getfixturevalue("empty_database_url")
    return f"sqlite:///{tmp_path / 'a.sqlite'}"


def test_upgrade_brings_an_empty_database_to_this_version_and_is_no_error_again(address, capsys):
    assert main(["db", "check"]) == 4
    assert main(["db", "upgrade"]) == 0
    assert main(["db", "upgrade"]) == 0
    assert main(["db", "check"]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert f"from nothing to {newest_revision()}" in first
    assert f"up to date at {newest_revision()}" in second
    assert third.endswith(newest_revision())


def test_check_says_what_to_do_where_there_is_no_schema(address, capsys):
    assert main(["db", "check"]) == 4
    assert "run `reflectgen db upgrade`" in capsys.readouterr().err


def test_current_prints_both_revisions(address, capsys):
    assert main(["db", "current"]) == 0
    Store.at(address).migrate()
    assert main(["db", "current"]) == 0
    before, after = capsys.readouterr().out.splitlines()
    assert before == f"none (this version: {newest_revision()})"
    assert after.startswith(f"{newest_revision()} ")


def test_no_line_of_it_holds_the_password(postgres_server, empty_database_url, monkeypatch, capsys):
    monkeypatch.setenv("REFLECTGEN_DATABASE_URL", empty_database_url)
    main(["db", "check"])
    main(["db", "upgrade"])
    monkeypatch.setenv("REFLECTGEN_DATABASE_URL", empty_database_url.replace(postgres_server.password, "wrong-one"))
    assert main(["db", "check"]) == 4
    said = "".join(capsys.readouterr())
    assert postgres_server.password not in said and "wrong-one" not in said


def test_it_waits_for_a_database_that_comes_later(postgres_server, monkeypatch):
    with PostgresServer() as late:
        url = late.create_database()
        late.stop()
        monkeypatch.setenv("REFLECTGEN_DATABASE_URL", url)
        began = time.monotonic()
        assert main(["db", "upgrade", "--wait", "1"]) == 4
        assert time.monotonic() - began >= 1
        starter = threading.Timer(1.5, late.start)
        starter.start()
        assert main(["db", "upgrade", "--wait", "60"]) == 0
        starter.join()
