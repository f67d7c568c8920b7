"""The built-in guard in a second process, so that the loop which keeps the calls in flight is not held up by it.

Python does one thing at a time in a process, and a label takes as long as a call. The second process is sent texts
through a pipe and keeps nothing: where it cannot start, or dies, the labels are made here instead. It ends when the
pipe is closed, so it does not outlive a killed run. What is unpickled comes from nobody but these two.
"""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from reflectgen.records import Chunk, Label, Provenance
from reflectgen.reflection.builtin_guard import BuiltinGuard
from reflectgen.reflection.roles import Guard

BEGIN_AFTER_TEXTS = 1000  # a job of fewer is done before the process has started
READY = "ready"
BROKEN = (OSError, EOFError, ValueError, pickle.UnpicklingError)  # what a pipe to a dead process leads to


class AsideGuard:
    """Labels as `guard` does; from the time the second process is ready, there."""

    def __init__(self, guard: BuiltinGuard, *, begin_after_texts: int = BEGIN_AFTER_TEXTS) -> None:
        self._guard = guard
        self._num_texts_before = begin_after_texts
        self._one_at_a_time = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self.is_aside = False

    @property
    def provenance(self) -> Provenance:
        return self._guard.provenance

    async def label(self, chunks: Sequence[Chunk]) -> list[Label]:
        async with self._one_at_a_time:
            self._num_texts_before -= len(chunks)
            if self._num_texts_before < 0 and self._process is None:
                self._begin()
            labels = None
            if self.is_aside:
                labels = await asyncio.to_thread(self._ask, [chunk.text for chunk in chunks])
        return await self._guard.label(chunks) if labels is None else labels

    async def close(self) -> None:
        self.end()
        await self._guard.close()

    def end(self) -> None:
        """End the second process; labels are made here from now on."""
        self.is_aside, self._num_texts_before = False, sys.maxsize
        if self._process is not None:
            self._process.kill()  # it keeps nothing
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(*BROKEN):  # what was not sent yet goes nowhere
                    if pipe is not None:
                        pipe.close()
            self._process = None

    def _begin(self) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from reflectgen.jobs.aside import serve; serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt is the run's to handle
            )
        except OSError:
            self._num_texts_before = sys.maxsize
            return
        threading.Thread(target=self._wait_until_ready, args=(self._process.stdout,), daemon=True).start()

    def _wait_until_ready(self, said: IO[bytes]) -> None:
        with suppress(*BROKEN):  # it ended before it began
            self.is_aside = pickle.load(said) == READY  # noqa: S301

    def _ask(self, texts: list[str]) -> list[Label] | None:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return None
        try:
            pickle.dump(texts, process.stdin)
            process.stdin.flush()
            labels: list[Label] = pickle.load(process.stdout)  # noqa: S301
        except BROKEN:
            self.is_aside = False
            return None
        return labels


@contextmanager
def aside(guard: Guard, *, is_wanted: bool) -> Iterator[Guard]:
    """Have the built-in guard work in a second process for the length of the block; any other is left as it is."""
    if not is_wanted or not isinstance(guard, BuiltinGuard):
        yield guard
        return
    moved = AsideGuard(guard)
    try:
        yield moved
    finally:
        moved.end()


def serve() -> None:
    """Label what comes in on standard input until that is closed."""
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    guard = BuiltinGuard()
    answer: object = READY
    while True:
        pickle.dump(answer, answers)
        answers.flush()
        try:
            answer = guard.label_texts(pickle.load(asked))  # noqa: S301
        except EOFError:
            return
