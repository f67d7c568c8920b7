"""Supervising a vLLM server: started, watched, started again when it dies, and ended with all its processes."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reflectgen.errors import TeacherError
from reflectgen.llm.answers import one_line

PR_SET_PDEATHSIG = 1  # Linux, prctl(2)
TAIL_LINES = 200  # two tracebacks: the engine's, which has the cause, and the server's, which follows from it
ERROR_LINE = re.compile(r"\b(?:\w+(?:Error|Exception)|error|killed): ?\S", re.IGNORECASE)
NO_ERROR = re.compile(r"\b(?:DEBUG|INFO|WARNING)\b")  # warnings quote errors that have not happened


@dataclass(frozen=True, slots=True)
class Patience:
    """When a server counts as dead, and how often it is started again."""

    quick_seconds: float = 60.0  # one that was ready for less has not recovered
    max_quick_deaths: int = 3  # in a row
    first_wait_seconds: float = 1.0  # before it is started again; doubles with each quick death
    unhealthy_seconds: float = 60.0  # without an answer at /health, once it was ready: it hangs
    stop_seconds: float = 30.0  # to end by itself when asked to
    health_seconds: float = 5.0  # for one answer at /health
    poll_seconds: float = 1.0


class VllmServer:
    """Keeps one server running at `port`.

    A server that ends before it was ever ready is not started again: what is wrong is its command, its model or the
    machine. From then on it is started again whenever it dies or hangs, after a wait that grows, until it has died
    `max_quick_deaths` times in a row soon after it was ready, or without getting there.

    It runs in a process group of its own, which is killed whole before the next start and at the end, since what is
    left of a dead server may still hold a GPU's memory. Where this process is killed, Linux ends the server.

    `on_output` is given what the server prints, in pieces; `on_event` a line about what happened to it.
    """

    def __init__(
        self,
        command: Sequence[str],
        host: str,
        port: int,
        *,
        environ: Mapping[str, str] = os.environ,
        on_ready: Callable[[], None] = lambda: None,
        on_output: Callable[[bytes], None] = lambda piece: None,
        on_event: Callable[[str], None] = lambda line: None,
        patience: Patience = Patience(),
    ) -> None:
        self._command, self._environ = tuple(command), dict(environ)
        self._host, self._port = reachable(host), port
        self._on_ready, self._on_output, self._on_event = on_ready, on_output, on_event
        self._patience = patience

    async def run(self, stop: asyncio.Event) -> None:
        """Run the server until `stop` is set; then end it and return.

        Raises:
            TeacherError: it cannot be started, or not kept running; with what it said last.
        """
        await self._refuse_taken_port()
        num_quick_deaths, was_ready = 0, False
        while not stop.is_set():
            process = await _Process.start(self._command, self._environ, self._on_output)
            try:
                ready_seconds = await self._watch(process, stop)
            finally:
                await process.end(self._patience.stop_seconds)
            if stop.is_set():
                return
            was_ready = was_ready or ready_seconds is not None
            if not was_ready:
                raise TeacherError(f"vLLM did not get ready: {process.last_words}")
            recovered = ready_seconds is not None and ready_seconds >= self._patience.quick_seconds
            num_quick_deaths = 0 if recovered else num_quick_deaths + 1
            if num_quick_deaths >= self._patience.max_quick_deaths:
                raise TeacherError(f"vLLM died {num_quick_deaths} times in a row, the last time: {process.last_words}")
            wait_seconds = self._patience.first_wait_seconds * 2.0 ** max(num_quick_deaths - 1, 0)
            self._on_event(f"vLLM died: {process.last_words}; starting it again in {wait_seconds:g} s")
            await _first_of(wait_seconds, stop.wait())

    async def _watch(self, process: _Process, stop: asyncio.Event) -> float | None:
        """Return when it has ended or hangs, or `stop` is set: for how long it was ready, or None if it never was."""
        clock = asyncio.get_running_loop().time
        ready_at, healthy_at = None, 0.0
        while not stop.is_set() and process.exit_code is None:
            if await self._is_healthy():
                healthy_at = clock()
                if ready_at is None:
                    ready_at = healthy_at
                    self._on_ready()
            elif ready_at is not None and clock() - healthy_at > self._patience.unhealthy_seconds:
                self._on_event(f"vLLM has not answered /health for {self._patience.unhealthy_seconds:g} s")
                break
            await _first_of(self._patience.poll_seconds, process.wait(), stop.wait())
        return None if ready_at is None else clock() - ready_at

    async def _is_healthy(self) -> bool:
        asked = f"GET /health HTTP/1.1\r\nHost: {self._host}\r\nConnection: close\r\n\r\n"
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(self._patience.health_seconds):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                try:
                    writer.write(asked.encode())
                    return (await reader.readexactly(12)).endswith(b" 200")
                finally:
                    writer.close()
        return False

    async def _refuse_taken_port(self) -> None:
        """Another server's health must not be taken for that of ours."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._patience.health_seconds):
                _, writer = await asyncio.open_connection(self._host, self._port)
            writer.close()
            raise TeacherError(f"something listens on port {self._port} already: stop it, or say another --port")


class _Process:
    """One run of the server, the leader of its process group."""

    def __init__(
        self, process: asyncio.subprocess.Process, output: asyncio.StreamReader, on_output: Callable[[bytes], None]
    ) -> None:
        self._process = process
        self._lines: deque[str] = deque([""], maxlen=TAIL_LINES)
        self._reading = asyncio.create_task(self._read(output, on_output))
        self._was_told_to_end = False

    @classmethod
    async def start(
        cls, command: Sequence[str], environ: Mapping[str, str], on_output: Callable[[bytes], None]
    ) -> _Process:
        # A pipe of our own: with one of asyncio's, `Process.wait` waits for its end too, and so for all children.
        reading_end, writing_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing_end,
                stderr=writing_end,
                env=environ,
                start_new_session=True,
                preexec_fn=_end_with_parent(),
            )
        except OSError as error:
            os.close(reading_end)
            raise TeacherError(f"{command[0]} cannot be run: {(error.strerror or str(error)).lower()}") from error
        finally:
            os.close(writing_end)
        output = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(reading_end, "rb", buffering=0)
        )
        return cls(process, output, on_output)

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode

    @property
    def last_words(self) -> str:
        """How it ended, and the one of its last lines that says why: the first error, since others follow from it."""
        lines = [line for line in self._lines if line.strip()]
        error = next(
            (line for line in lines if ERROR_LINE.search(line) and not NO_ERROR.search(line)),
            lines[-1] if lines else "nothing",
        )
        return f"{self._ending}, after it had said: {one_line(error, 300)}"

    @property
    def _ending(self) -> str:
        code = self._process.returncode
        if self._was_told_to_end:
            return "it hung"
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"it was ended by {signal.Signals(-code).name}"
        return f"it ended with exit code {code}"

    async def wait(self) -> None:
        await self._process.wait()

    async def end(self, seconds: float) -> None:
        """End it and all its children; whoever cannot wait for `seconds` cancels this, and they are killed at once."""
        try:
            if self._process.returncode is None:
                self._was_told_to_end = True
                self._process.terminate()  # to the leader alone: it ends its own
                await _first_of(seconds, self._process.wait())
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await _first_of(seconds, self._reading)  # it ends when the last process that could write has

    async def _read(self, output: asyncio.StreamReader, on_output: Callable[[bytes], None]) -> None:
        while piece := await output.read(1 << 16):
            on_output(piece)
            first, *others = re.split(r"[\r\n]+", piece.decode("utf-8", "replace"))
            self._lines[-1] += first
            self._lines.extend(others)


def reachable(host: str) -> str:
    """Return where a server that listens at `host` is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def _end_with_parent() -> Callable[[], None] | None:
    """Return what a child calls before it becomes the server, so that it is told to end when this process is killed."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # found here: between fork and exec a child must do as little as can be
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def _first_of(seconds: float, *waited: Coroutine[Any, Any, object] | asyncio.Task[None]) -> None:
    """Return when one of what is waited for has come, or after `seconds`; the others are cancelled."""
    tasks = [asyncio.ensure_future(one) for one in waited]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
