"""What every test of the API may ask for."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from reflectgen.logs import set_up_logs
from tests.api.worlds import World, world


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    """A service over SQLite."""
    with world(tmp_path / "data") as made:
        yield made


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, as the service writes it."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up_logs(stream=stream)
    yield stream
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()
