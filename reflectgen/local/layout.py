"""What `reflectgen up` keeps beside the service's data: passwords, ports, logs, and the servers' own files."""

from __future__ import annotations

import os
import secrets
import shlex
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

Database = Literal["sqlite", "postgresql"]
State = Literal["starting", "ready", "stopping", "stopped", "failed"]


class Choices(BaseModel, extra="ignore"):
    """What the first `up` chose, for those that follow: a database is not changed under its jobs."""

    database: Database | None = None  # none yet: until now the environment gave one
    postgres_password: str
    redis_password: str
    postgres_port: int = 0
    redis_port: int = 0


class Status(BaseModel, extra="ignore"):
    """How it goes with what `up` started."""

    state: State
    process_id: int
    problem: str = ""
    url: str = ""
    notes: tuple[str, ...] = ()
    parts: dict[str, int | None] = {}

    @staticmethod
    def of(layout: Layout) -> Status | None:
        try:
            return Status.model_validate_json(layout.status.read_bytes())
        except FileNotFoundError:
            return None


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths under one data folder."""

    data: Path

    @property
    def stack(self) -> Path:
        return self.data / "stack"

    @property
    def logs(self) -> Path:
        return self.stack / "logs"

    @property
    def lock(self) -> Path:
        return self.stack / "lock"

    @property
    def status(self) -> Path:
        return self.stack / "status.json"

    @property
    def environment(self) -> Path:
        """Lines for a shell, with which commands on this machine reach the service and its database."""
        return self.stack / "environment"

    def variables(self) -> dict[str, str]:
        """Return what the file `environment` sets."""
        words = shlex.split(self.environment.read_text(encoding="utf-8"))
        return dict(word.split("=", 1) for word in words if word != "export")

    def make(self) -> None:
        """Make the folders; others may pass through, to reach what is theirs, and read nothing."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.stack.mkdir(mode=0o711, exist_ok=True)
        self.logs.mkdir(mode=0o700, exist_ok=True)

    def scratch(self, name: str) -> Path:
        """Return a folder for the temporary files of one part."""
        folder = self.stack / "tmp" / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def choices(self) -> Choices:
        """Return what was chosen before, with ports that are free; new passwords where nothing was."""
        file = self.stack / "choices.json"
        if file.exists():
            kept = Choices.model_validate_json(file.read_bytes())
        else:
            kept = Choices(postgres_password=secrets.token_hex(24), redis_password=secrets.token_hex(24))
        kept.postgres_port, kept.redis_port = usable_port(kept.postgres_port), usable_port(kept.redis_port)
        write_private(file, kept.model_dump_json(indent=1))
        return kept

    def keep(self, choices: Choices, database: Database) -> None:
        choices.database = database
        write_private(self.stack / "choices.json", choices.model_dump_json(indent=1))


def write_private(path: Path, text: str) -> None:
    """Write a file whole, and readable by its owner alone from its first byte."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def usable_port(wanted: int) -> int:
    """Return `wanted` if nothing listens there, else a free port."""
    return (wanted and _bound(wanted)) or _bound(0) or wanted


def is_free(port: int) -> bool:
    return _bound(port) != 0


def _bound(port: int) -> int:
    """Return the port that could be listened on: `port`, any where that is 0; 0: it could not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])
