"""The folder of a training's newest claim, which begins with what older claims have left that is whole.

    jobs/JOB/trainings/training_91b2...-3/    one for each claim, with its token in the name

What is taken over is linked, not moved: whoever still writes in an older folder can do no harm to this one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reflectgen.errors import OutputError
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.export.token_manifest import FOLDER as TOKENS
from reflectgen.shards import cannot_write
from reflectgen.train.log import LOG_NAME
from reflectgen.train.places import CHECKPOINTS, newest, step_of

TRIES = 5  # while an older claim's worker, which lives on without its lease, removes what is to be taken over


def take_over(folder: Path) -> None:
    """Make the folder of a claim, and remove those of older claims.

    It gets the newest checkpoint that any of them has, with the tokens that it was learnt from and the log so far.

    Raises:
        OutputError: it cannot be made.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        for _ in range(TRIES):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            best = max(_older(folder), key=_how_far, default=None)
            with suppress(FileNotFoundError):
                if best is not None:
                    _link(best, partial)
                partial.rename(folder)
                break
        else:
            raise OutputError(f"{folder} cannot be begun: a worker without its lease writes beside it; wait for it")
    except OSError as error:
        raise cannot_write(folder, error) from error
    for older in _older(folder):
        shutil.rmtree(older, ignore_errors=True)


def _older(folder: Path) -> Iterator[Path]:
    """Yield the folders of claims before this one; of those after it none may be touched."""
    name, _, token = folder.name.rpartition("-")
    for other in folder.parent.glob(f"{name}-*"):
        number = other.name.rpartition("-")[2]
        if number.isdecimal() and int(number) < int(token):
            yield other


def _how_far(folder: Path) -> tuple[int, bool, int]:
    has_tokens = (folder / TOKENS / MANIFEST_NAME).exists()
    return step_of(newest(folder / CHECKPOINTS)), has_tokens, int(folder.name.rpartition("-")[2])


def _link(old: Path, new: Path) -> None:
    checkpoint = newest(old / CHECKPOINTS)
    for part in (TOKENS, *([f"{CHECKPOINTS}/{checkpoint.name}"] if checkpoint else [])):
        if (old / part).exists():
            for path in (old / part).rglob("*"):
                if path.is_file() and not path.name.endswith(".partial"):
                    _link_file(path, new / part / path.relative_to(old / part))
    if checkpoint:
        shutil.copyfile(old / LOG_NAME, new / LOG_NAME)  # the old one may still be written to


def _link_file(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, to)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(path, to)
