"""Files and what a manifest or a record says of them: there, of this size, with these bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from reflectgen.errors import VerificationError


class Hashed(Protocol):
    """What is said of one file; its path is relative to a folder."""

    @property
    def path(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def num_bytes(self) -> int: ...


def check_file(folder: Path, file: Hashed) -> None:
    """Compare a file with its entry in a manifest, size and every byte.

    Raises:
        VerificationError: it is missing or another.
    """
    path = folder / file.path
    check_size(path, file.num_bytes)
    with path.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
            raise VerificationError(f"{path} is not the file that was written (SHA-256); copy or export it again")


def check_size(path: Path, num_bytes: int) -> None:
    """Raise VerificationError unless a file is there and has this size."""
    try:
        found = path.stat().st_size
    except OSError as error:
        raise VerificationError(f"cannot read {path}: {error.strerror}; copy or export it again") from None
    if found != num_bytes:
        raise VerificationError(f"{path} has {found} bytes instead of {num_bytes}; copy or export it again")


def are_whole(folder: Path, files: Iterable[Hashed]) -> bool:
    """Whether every file is the one that was written."""
    try:
        for file in files:
            check_file(folder, file)
    except (OSError, VerificationError):
        return False
    return True
