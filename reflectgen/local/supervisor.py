"""Keeps the stack up: starts its parts in order, starts again what dies, ends them in reverse order."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from reflectgen.errors import OutputError, ReflectgenError
from reflectgen.local.layout import Layout, State, Status, write_private
from reflectgen.local.process import Part, Process
from reflectgen.local.stack import Stack, Wanted, make_stack

READY_SECONDS = 120.0  # for servers, and again for the rest
MIGRATE_SECONDS = 3600.0  # a big table takes its time
STOP_SECONDS = 180.0  # workers, then the API, then the servers
POLL_SECONDS = 0.2


class Supervisor:
    """Runs the stack until it is told to stop, and says in `status.json` how it goes.

    The lock is held by this process and by all that it starts: it is free when the last of them has ended.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted, self._layout = wanted, Layout(wanted.data)
        self._processes: list[Process] = []
        self._stop = False
        self._lock = -1
        self._notes: tuple[str, ...] = ()
        self._url = ""

    def run(self) -> int:
        """Return the exit code: 0 when it was told to stop."""
        self._layout.make()
        self._lock = _take(self._layout)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        try:
            self._tell("starting")
            stack = make_stack(self._wanted, self._layout)
            self._notes, self._url = stack.notes, stack.api_url
            self._start(stack.servers, stack)
            self._migrate(stack)
            self._start(stack.parts, stack)
            if not self._stop:
                self._tell("ready")
                self._log(f"ready at {stack.api_url}")
            while not self._stop:
                self._keep_up()
                time.sleep(POLL_SECONDS)
        except (ReflectgenError, OSError) as error:
            self._end_all()
            self._tell("failed", str(error))
            self._log(f"failed: {error}")
            return error.exit_code if isinstance(error, ReflectgenError) else 4
        self._tell("stopping")
        self._end_all()
        self._tell("stopped")
        self._log("stopped")
        return 0

    def _end(self, _number: int, _frame: object) -> None:
        self._stop = True

    def _start(self, parts: Sequence[Part], stack: Stack) -> None:
        waiting = []
        for part in parts:
            environ = _bare() if part in stack.servers else {**os.environ, **stack.environ, **part.environ}
            process = Process(replace(part, environ=environ), self._layout.logs / f"{part.name}.log", self._lock)
            process.start()
            self._processes.append(process)
            waiting.append(process)
        give_up = time.monotonic() + READY_SECONDS
        while waiting and not self._stop:
            waiting = [process for process in waiting if not process.is_ready()]
            if waiting and time.monotonic() > give_up:
                names = ", ".join(process.part.name for process in waiting)
                raise OutputError(f"not ready after {READY_SECONDS:g} s: {names}; see {self._layout.logs}")
            self._keep_up()
            time.sleep(POLL_SECONDS)

    def _migrate(self, stack: Stack) -> None:
        if self._stop:
            return
        command = [sys.executable, "-m", "reflectgen", "db", "upgrade", "--wait", "60"]
        environ = {**os.environ, **stack.environ}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=MIGRATE_SECONDS, cwd="/")
        self._log(f"{done.stdout}{done.stderr}".strip())
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["nothing was said"]
            raise OutputError(f"the schema could not be brought up to date: {said[-1].removeprefix('error: ')}")

    def _keep_up(self) -> None:
        for process in self._processes:
            if event := process.keep_up():
                self._log(event)

    def _end_all(self) -> None:
        """End the parts in reverse order; workers, which take longest, at the same time."""
        servers = [p for p in self._processes if p.part.name in ("postgres", "redis")]
        parts = [p for p in self._processes if p not in servers]
        for group in (parts[1:], parts[:1], servers):
            for process in group:
                process.ask_to_stop()
            for process in group:
                process.stop(time.monotonic() + process.part.stop_seconds)
        self._processes = []

    def _tell(self, state: State, problem: str = "") -> None:
        status = Status(
            state=state,
            process_id=os.getpid(),
            problem=problem,
            url=self._url,
            notes=self._notes,
            parts={process.part.name: process.process_id for process in self._processes},
        )
        write_private(self._layout.status, status.model_dump_json())

    def _log(self, line: str) -> None:
        print(time.strftime("%Y-%m-%d %H:%M:%S"), line, flush=True)


def _bare() -> dict[str, str]:
    """Return what a server needs of the environment; the keys of models are none of its business."""
    return {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}


def _take(layout: Layout) -> int:
    """Return the lock's descriptor.

    Raises:
        OutputError: the stack runs already, or is still ending.
    """
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OutputError(f"the service of {layout.data} runs already; `reflectgen down` ends it") from None
    return descriptor


def is_held(layout: Layout) -> bool:
    """Whether the stack, or anything that it started, still runs."""
    with suppress(FileNotFoundError):
        descriptor = os.open(layout.lock, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False
