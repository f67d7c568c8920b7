"""Paths that a request may name: those under the operator's roots, wherever links lead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reflectgen.api.problems import Problem


def under_roots(named: str, roots: Sequence[Path]) -> Path:
    """Return the real path of what `named` says, which lies under one of `roots` or is one.

    A relative path is tried under each root. What lies outside and what is not there is answered alike, so that
    nobody learns what else there is on the machine.

    Raises:
        Problem: there is nothing there, or it is outside.
    """
    nothing = Problem(422, "there is nothing of this name under the operator's corpus roots", "unusable-input")
    if "\0" in named:
        raise nothing
    for root in roots:
        real_root = root.resolve()
        try:
            path = (real_root / named).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            continue
        if path.is_relative_to(real_root) and _holds_no_way_out(path, real_root):
            return path
    raise nothing


def _holds_no_way_out(path: Path, root: Path) -> bool:
    """Whether every link below a folder leads to a place under the root too."""
    if not path.is_dir():
        return True
    links = (entry for entry in path.rglob("*") if entry.is_symlink())
    return all(link.resolve().is_relative_to(root) for link in links)
