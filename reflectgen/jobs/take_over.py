"""The folder of the newest claim of an export or a training, which begins with what older claims have left.

    jobs/JOB/trainings/training_91b2...-3/    one for each claim, with its token in the name

What is taken over is linked, not moved: whoever still writes in an older folder can do no harm to this one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reflectgen.errors import OutputError
from reflectgen.shards import cannot_write

TRIES = 5  # while an older claim's worker, which lives on without its lease, removes what is to be taken over


@dataclass(frozen=True, slots=True)
class Unfinished:
    """How far work in a folder is, which can be compared, and what puts all that is whole of it into a new folder."""

    how_far: Callable[[Path], tuple[int, ...]]
    link: Callable[[Path, Path], None]


def take_over(folder: Path, unfinished: Unfinished) -> None:
    """Make the folder of a claim with what the one that is furthest of older claims has, and remove theirs.

    Raises:
        OutputError: it cannot be made.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        for _ in range(TRIES):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            best = max(_older(folder), key=lambda one: (unfinished.how_far(one), _token(one)), default=None)
            with suppress(FileNotFoundError):
                if best is not None:
                    unfinished.link(best, partial)
                partial.rename(folder)
                break
        else:
            raise OutputError(f"{folder} cannot be begun: a worker without its lease writes beside it; wait for it")
    except OSError as error:
        raise cannot_write(folder, error) from error
    for older in _older(folder):
        shutil.rmtree(older, ignore_errors=True)


def link_file(path: Path, to: Path) -> None:
    """Let a file that nobody changes any more be in a second folder too.

    Raises:
        FileNotFoundError: it has gone.
        OSError: it can be neither linked nor copied.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, to)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(path, to)


def _older(folder: Path) -> Iterator[Path]:
    """Yield the folders of claims before this one; of those after it none may be touched."""
    name, _, _ = folder.name.rpartition("-")
    for other in folder.parent.glob(f"{name}-*"):
        if other.name.rpartition("-")[2].isdecimal() and _token(other) < _token(folder):
            yield other


def _token(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])
