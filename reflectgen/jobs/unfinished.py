"""What an unfinished export or training has got to that is whole, so that a newer claim can go on from it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from reflectgen.export.card import CARD_NAME
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.export.shard_records import RECORDS
from reflectgen.export.token_manifest import FOLDER as TOKENS
from reflectgen.jobs.take_over import Unfinished, link_file
from reflectgen.train.log import LOG_NAME
from reflectgen.train.places import CHECKPOINTS, newest, step_of


def _training_is_at(folder: Path) -> tuple[int, ...]:
    return step_of(newest(folder / CHECKPOINTS)), int((folder / TOKENS / MANIFEST_NAME).exists())


def _link_training(old: Path, new: Path) -> None:
    """Link the newest checkpoint, and the tokens that it was learnt from; copy the log so far."""
    checkpoint = newest(old / CHECKPOINTS)
    for part in (TOKENS, *([f"{CHECKPOINTS}/{checkpoint.name}"] if checkpoint else [])):
        if (old / part).exists():
            _link_all(old, new, (old / part).rglob("*"))
    if checkpoint:
        shutil.copyfile(old / LOG_NAME, new / LOG_NAME)  # the old one may still be written to


def _export_is_at(folder: Path) -> tuple[int, ...]:
    return (sum(1 for _ in folder.rglob(f"{RECORDS}/train-*.json")),)


def _link_export(old: Path, new: Path) -> None:
    """Link every file but those that say of a folder that it is finished. Records say which of them are whole.

    What is made of the woven documents may have failed: these are whole then, and no progress when they are seen again.
    """
    _link_all(old, new, (path for path in old.rglob("*") if path.name not in (MANIFEST_NAME, CARD_NAME)))


def _link_all(old: Path, new: Path, paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_file() and not path.name.endswith(".partial"):
            link_file(path, new / path.relative_to(old))


TRAINING = Unfinished(_training_is_at, _link_training)
EXPORT = Unfinished(_export_is_at, _link_export)
