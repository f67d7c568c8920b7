"""One part of the service as a process: started, watched, started again when it dies, ended with all its children."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1  # Linux, prctl(2)
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0  # before it is started again; doubles with each quick death
QUICK_SECONDS = 30.0  # one that ran for less has not recovered


@dataclass(frozen=True, slots=True)
class Part:
    """How one part is run, and how to see that it is ready."""

    name: str
    command: Sequence[str]
    is_ready: Callable[[float], bool]  # given the second since 1970 at which it was started
    environ: Mapping[str, str] = field(default_factory=dict)  # whole when it is started
    user: str | None = None  # whom it runs as, where not as whoever starts it
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0  # to end by itself when asked to


class Process:
    """A part that runs. Its output goes to `log`; where this process dies, Linux tells it to stop."""

    def __init__(self, part: Part, log: Path, keep_open: int) -> None:
        self.part = part
        self._log, self._keep_open = log, keep_open
        self._process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.num_deaths = 0  # in a row, each soon after its start
        self._start_at = 0.0  # by the monotonic clock: not before

    @property
    def process_id(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        part = self.part
        user = {"user": part.user, "group": part.user, "extra_groups": []} if part.user else {}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(part.environ),
                start_new_session=True,
                preexec_fn=_end_with_parent(part.stop_signal),
                pass_fds=(self._keep_open,),
                cwd="/",
                **user,
            )
        self.started_at = time.time()

    def is_ready(self) -> bool:
        return self.is_running() and self.part.is_ready(self.started_at)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def keep_up(self) -> str:
        """Start it again if it has died and has waited long enough; return what happened, if anything did."""
        if self.is_running():
            return ""
        now = time.monotonic()
        if self._process is not None:
            code = self._process.returncode
            self._kill_rest()
            self._process = None
            recovered = time.time() - self.started_at >= QUICK_SECONDS
            self.num_deaths = 1 if recovered else self.num_deaths + 1
            wait_seconds = min(FIRST_WAIT_SECONDS * 2.0 ** (self.num_deaths - 1), LONGEST_WAIT_SECONDS)
            self._start_at = now + wait_seconds
            return f"{self.part.name} ended with {code}; it is started again in {wait_seconds:g} s, see {self._log}"
        if now >= self._start_at:
            self.start()
        return ""

    def ask_to_stop(self) -> None:
        if self.is_running():
            assert self._process is not None
            self._process.send_signal(self.part.stop_signal)

    def stop(self, give_up_at: float) -> None:
        """Wait until it has ended, or until `give_up_at` by the monotonic clock; then end it, and its children."""
        if self._process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, give_up_at - time.monotonic()))
        self._kill_rest()
        self._process.wait()
        self._process = None

    def _kill_rest(self) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _end_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # found here: between fork and exec a child must do as little as can be
    return lambda: prctl(PR_SET_PDEATHSIG, number)
