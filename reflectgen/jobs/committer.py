"""Group commit: many callers wait for one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Row = TypeVar("Row")


class Committer(Generic[Row]):
    """Gather rows while a transaction is under way and write them all in the next one.

    `write` keeps every row it is given, or raises and keeps none. It runs in a thread, so that calls go on meanwhile;
    `in_thread=False` spares the thread where there are no calls. With `linger_seconds` rows are gathered for so long
    first: a transaction costs a database server more than its rows do.
    """

    def __init__(
        self, write: Callable[[Sequence[Row]], None], *, in_thread: bool = True, linger_seconds: float = 0.0
    ) -> None:
        self._write = write
        self._in_thread = in_thread
        self._linger_seconds = linger_seconds
        self._waiting: list[tuple[Sequence[Row], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def commit(self, *rows: Row) -> None:
        """Return when `rows` are kept for good, all in one transaction.

        Raises:
            OutputError: the store refused; nothing of this transaction was kept.
        """
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, kept))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await kept

    async def drain(self) -> None:
        """Return when no transaction is under way."""
        if self._writing is not None:
            await self._writing

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                # At least one turn of the loop, so that everybody who is ready gets into this transaction.
                await asyncio.sleep(self._linger_seconds)
                waiting, self._waiting = self._waiting, []
                error = await self._write_group([row for rows, _ in waiting for row in rows])
                for _, kept in waiting:
                    if not kept.done():  # a caller may have been cancelled meanwhile
                        kept.set_exception(error) if error else kept.set_result(None)
        finally:
            self._writing = None

    async def _write_group(self, rows: list[Row]) -> Exception | None:
        try:
            if self._in_thread:
                await asyncio.to_thread(self._write, rows)
            else:
                self._write(rows)
        except Exception as error:
            return error
        return None
