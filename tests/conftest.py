"""What every test may ask for."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from reflectgen.store import Store
from tests.servers import Missing, PostgresServer, RedisServer, Server

SHARED = Path(__file__).resolve().parents[2] / "shared"

# No deadlines: how long an example takes says more about the machine's other work than about the code.
settings.register_profile("project", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

Kind = TypeVar("Kind", bound=Server)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real labelled text and prose beside the repository; a test that wants it skips where it is absent."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("needs ../shared/data, which is not here")
    return data


def _serve(make: Callable[[], Kind]) -> Iterator[Kind]:
    """A server for the whole session; a test that wants it skips where its program is absent, but not in CI."""
    try:
        server = make()
    except Missing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing}, and in CI nothing is skipped")
        pytest.skip(str(missing))
    with server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    yield from _serve(PostgresServer)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    yield from _serve(RedisServer)


@pytest.fixture(scope="session")
def migrated_database(postgres_server: PostgresServer) -> str:
    """The name of a database with the newest schema and no row, to copy from."""
    url = postgres_server.create_database()
    with Store.at(url) as store, store.read():
        pass
    return url.rpartition("/")[2]


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database of the test's own without any schema."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, migrated_database: str) -> Iterator[str]:
    """A database of the test's own with the newest schema and no row."""
    url = postgres_server.create_database(template=migrated_database)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """A Redis that holds nothing yet."""
    redis_server.flush()
    return redis_server.url()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store, on each of the two databases in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'a.sqlite'}"


@pytest.fixture
def any_store(any_store_url: str) -> Iterator[Store]:
    """An empty store, on each of the two databases in turn."""
    with Store.at(any_store_url) as store:
        yield store
