"""A training as a process of its own, seen from who starts it: a worker with a lease to keep, that imports no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from reflectgen import errors
from reflectgen.errors import ReflectgenError
from reflectgen.settings import PREFIX

WOVEN = "woven"  # the export that is tokenised, in the folder of the training; it goes once the tokens are whole
PROCESS_LOG = "process.log"


class Wanted(BaseModel, frozen=True, extra="forbid"):
    """What the process is told. `options` are those of `reflectgen train`, without `out` and `data.path`."""

    training: str
    tokenizer: str
    options: dict[str, Any]


class ProcessDied(ReflectgenError):
    """The process ended by itself: killed, for its memory perhaps, or by an error that is none of ours."""


class TrainingProcess:
    """Runs `reflectgen.train.child` in `folder`; whoever starts it ends it."""

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        # Neither the database's address nor a key is any business of its.
        environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        with (folder / PROCESS_LOG).open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "reflectgen.train.child"],
                cwd=folder,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # a signal to the worker's group is the worker's to handle
            )
        assert self._process.stdin is not None
        with suppress(OSError):  # it has died already, which `follow` says
            self._process.stdin.write(wanted.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()

    def follow(self) -> Iterator[dict[str, Any]]:
        """Yield what the process says, until it has ended well.

        Raises:
            ReflectgenError: what it ended with, of the same kind as there; `TrainingStopped` where it was told to stop.
            ProcessDied: it ended otherwise; another try may go well.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if "error" in said:
                raise _error(said["kind"], said["error"])
            yield said
            if said.get("is_done"):
                return
        raise ProcessDied(f"the training's process ended with {self._process.wait()}; its last words are in its log")

    def ask_to_stop(self) -> None:
        """Have it stop before its next step, and save."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def end(self) -> None:
        """End it, if it has not ended by itself."""
        self._process.kill()
        self._process.wait()
        self.ask_to_stop()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _error(kind: str, said: str) -> ReflectgenError:
    known = getattr(errors, kind, None)
    return known(said) if isinstance(known, type) and issubclass(known, ReflectgenError) else ProcessDied(said)
