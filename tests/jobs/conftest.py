"""Jobs are tested on both databases: a job's folder may keep its store in either."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reflectgen.jobs import folder
from reflectgen.store import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def on_both_databases(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], Store] | None:
    """Run the test once with job folders as they are, and once with PostgreSQL in the place of each one's SQLite."""
    if request.param == "sqlite":
        return None
    server = request.getfixturevalue("postgres_server")
    migrated = request.getfixturevalue("migrated_database")
    urls: dict[Path, str] = {}
    request.addfinalizer(lambda: [server.drop_database(url) for url in urls.values()])

    def opened(path: Path) -> Store:
        if path not in urls:
            urls[path] = server.create_database(template=migrated)
            path.touch()  # a folder with a job in it has a store
        return Store.at(urls[path])

    monkeypatch.setattr(folder, "Store", opened)
    return opened
