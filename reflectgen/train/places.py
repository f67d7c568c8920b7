"""Where the files of a run lie, for those who look after one without torch."""

from __future__ import annotations

import re
from pathlib import Path

CHECKPOINTS, MODEL = "checkpoints", "model"
STATE = "training/state.json"  # of a checkpoint, written last
_NAME = re.compile(r"step-(\d{8})")


def newest(folder: Path) -> Path | None:
    """Return the newest whole checkpoint under `folder`."""
    found = whole_ones(folder)
    return found[-1] if found else None


def whole_ones(folder: Path) -> list[Path]:
    """Return the whole checkpoints under `folder`, the oldest first."""
    return sorted(path for path in folder.glob("step-*") if _NAME.fullmatch(path.name) and (path / STATE).exists())


def step_of(checkpoint: Path | None) -> int:
    """Return the step after which a checkpoint was written; 0: there is none."""
    found = _NAME.fullmatch(checkpoint.name) if checkpoint else None
    return int(found[1]) if found else 0
