"""A service over SQLite for every test that wants one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.worlds import World, world


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "data") as made:
        yield made
