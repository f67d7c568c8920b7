"""Group commit: many callers wait for one transaction."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

Row = TypeVar("Row")
_Waiting = tuple[Sequence[Row], "asyncio.Future[None]"]


class Committer(Generic[Row]):
    """Gather rows while a transaction is under way and write them all in the next one.

    `write` keeps every row it is given, or raises and keeps none. It runs in a thread, which goes from one transaction
    to the next by itself, so that a busy loop holds none of them up; `in_thread=False` spares the thread where there
    are no calls that go on meanwhile. With `linger_seconds` rows are gathered for so long first: a transaction costs a
    database server more than its rows do.
    """

    def __init__(
        self, write: Callable[[Sequence[Row]], None], *, in_thread: bool = True, linger_seconds: float = 0.0
    ) -> None:
        self._write = write
        self._in_thread = in_thread
        self._linger_seconds = linger_seconds
        self._waiting: list[_Waiting[Row]] = []
        self._lock = threading.Lock()
        self._writing: asyncio.Future[None] | None = None

    async def commit(self, *rows: Row) -> None:
        """Return when `rows` are kept for good, all in one transaction.

        Raises:
            OutputError: the store refused; nothing of this transaction was kept.
        """
        loop = asyncio.get_running_loop()
        kept = loop.create_future()
        with self._lock:
            self._waiting.append((rows, kept))
            begins = self._writing is None
            if begins:
                self._writing = loop.create_future()
        if begins:
            # In the next turn of the loop, so that everybody who is ready gets into this transaction.
            loop.call_soon(self._begin, loop)
        await kept

    async def drain(self) -> None:
        """Return when no transaction is under way."""
        while (writing := self._writing) is not None:
            await asyncio.shield(writing)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._in_thread:
            loop.run_in_executor(None, self._write_all, loop)
        else:
            self._write_all(loop)

    def _write_all(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            if self._linger_seconds:
                with suppress(OSError):  # of a clock that is set meanwhile; whoever waits for an answer must get one
                    time.sleep(self._linger_seconds)
            with self._lock:
                waiting, self._waiting = self._waiting, []
                if not waiting:
                    writing, self._writing = self._writing, None
                    break
            error = self._write_group([row for rows, _ in waiting for row in rows])
            self._tell(loop, [kept for _, kept in waiting], error)
        if writing is not None:
            self._tell(loop, [writing], None)

    def _tell(
        self, loop: asyncio.AbstractEventLoop, callers: Sequence[asyncio.Future[None]], error: Exception | None
    ) -> None:
        if self._in_thread:
            loop.call_soon_threadsafe(_end, callers, error)
        else:
            _end(callers, error)

    def _write_group(self, rows: list[Row]) -> Exception | None:
        try:
            self._write(rows)
        except Exception as error:
            return error
        return None


def _end(callers: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for kept in callers:
        if not kept.done():  # a caller may have been cancelled meanwhile
            kept.set_exception(error) if error else kept.set_result(None)
