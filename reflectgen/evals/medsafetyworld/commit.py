"""The commit of the code that runs, where it is a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path


def code_commit(file: Path = Path(__file__)) -> str | None:
    """Return the commit of the checkout that tracks `file`, with `-dirty` where that has changes; None without one."""
    try:
        # An installed package may lie in somebody else's checkout, which does not track it.
        _git(file, "ls-files", "--error-unmatch", file.name)
        return _git(file, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*").strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _git(file: Path, *arguments: str) -> str:
    command = ["git", "-C", str(file.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout  # noqa: S603 - our own words
