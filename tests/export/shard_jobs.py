"""Jobs for other processes, which find them by this module's name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from reflectgen.errors import VerificationError


def begin_waiting(folder: Path, num_at_once: int) -> AbstractContextManager[Callable[[int], tuple[int, int]]]:
    """Return a job that comes back, with its number and its process, only once so many have been begun."""
    return nullcontext(partial(_waits, folder, num_at_once))


def begin_dying() -> AbstractContextManager[Callable[[int], int]]:
    return nullcontext(_dies)


def begin_refusing() -> AbstractContextManager[Callable[[int], int]]:
    return nullcontext(_refuses)


def _waits(folder: Path, num_at_once: int, number: int) -> tuple[int, int]:
    (folder / str(number)).touch()
    while len(list(folder.iterdir())) < num_at_once:
        time.sleep(0.01)
    return number, os.getpid()


def _dies(number: int) -> int:
    if number == 1:
        os.abort()
    return number


def _refuses(number: int) -> int:
    if number == 1:
        raise VerificationError("shard 1 is not what it was")
    return number
