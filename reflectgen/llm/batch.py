"""Gathering questions that are asked at about the same time, so that one call carries many of them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from reflectgen.errors import TeacherBusy, TeacherError, TeacherUnavailable
from reflectgen.llm.body import Parameters
from reflectgen.llm.completion import Completion, Message

MAX_ROWS = 16  # a call ends with its slowest row, and more rows save little more: docs/transports.md
GATHER_SECONDS = 0.002  # answers to one batch are worked on in one or two milliseconds, and then ask again together
FIRST_FAILURES = 3  # batches of certain parameters refused, and none answered: the route does not take them
MAX_ALONE = 10_000

Messages = Sequence[Message]
AskBatch = Callable[[Parameters, list[Messages]], Awaitable[list[Completion | None] | None]]


@dataclass(slots=True, eq=False)
class _Batch:
    rows: list[tuple[Messages, asyncio.Future[Completion | None]]] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None
    call: asyncio.Task[None] | None = None


class Batcher:
    """Sends questions of equal parameters together: when there are `max_rows`, or after `gather_seconds`.

    `ask_batch` is given the messages of each row and returns their completions; None for a row that it could not
    answer, or for all of them. `ask` then returns None, and the question is to be asked by itself.
    """

    def __init__(
        self, ask_batch: AskBatch, *, max_rows: int = MAX_ROWS, gather_seconds: float = GATHER_SECONDS
    ) -> None:
        self._ask_batch = ask_batch
        self._max_rows, self._gather_seconds = max_rows, gather_seconds
        self._gathering: dict[Parameters, _Batch] = {}
        self._calls: set[asyncio.Task[None]] = set()
        # Batches refused while none was answered; minus one, once one was.
        self._num_failures: WeakKeyDictionary[Parameters, int] = WeakKeyDictionary()
        self._alone: set[int] = set()  # rows that were in a batch which the server may have died of

    async def ask(self, parameters: Parameters, messages: Messages) -> Completion | None:
        """Return the answer to `messages`, or None: ask them by themselves.

        Raises:
            TeacherError: the whole call failed; each of its rows gets an error of its own.
        """
        if not parameters.can_batch or self._num_failures.get(parameters, 0) >= FIRST_FAILURES:
            return None
        if self._alone and (row := _hash_of(messages)) in self._alone:
            self._alone.discard(row)
            return None
        batch = self._gathering.get(parameters)
        if batch is None:
            batch = self._gathering[parameters] = _Batch()
            loop = asyncio.get_running_loop()
            batch.timer = loop.call_later(self._gather_seconds, self._send, parameters, batch)
        answer: asyncio.Future[Completion | None] = asyncio.get_running_loop().create_future()
        batch.rows.append((messages, answer))
        if len(batch.rows) >= self._max_rows:
            self._send(parameters, batch)
        try:
            return await answer
        except asyncio.CancelledError:
            answer.cancel()
            if batch.call is not None and all(waiter.cancelled() for _, waiter in batch.rows):
                batch.call.cancel()
            raise

    async def close(self) -> None:
        """Cancel what is under way."""
        calls = list(self._calls)
        for batch in self._gathering.values():
            if batch.timer is not None:
                batch.timer.cancel()
            for _, answer in batch.rows:
                answer.cancel()
        self._gathering.clear()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def _send(self, parameters: Parameters, batch: _Batch) -> None:
        if batch.timer is not None:
            batch.timer.cancel()
        del self._gathering[parameters]
        batch.rows = [row for row in batch.rows if not row[1].done()]
        if len(batch.rows) == 1:
            batch.rows[0][1].set_result(None)
        elif batch.rows:
            batch.call = asyncio.get_running_loop().create_task(self._call(parameters, batch))
            self._calls.add(batch.call)
            batch.call.add_done_callback(self._calls.discard)

    async def _call(self, parameters: Parameters, batch: _Batch) -> None:
        try:
            completions = await self._ask_batch(parameters, [messages for messages, _ in batch.rows])
        except asyncio.CancelledError:
            _fail(batch, TeacherUnavailable("the client was closed before the answer came"))
            raise
        except TeacherError as error:
            self._note_failure(batch, error)
            return
        except Exception as error:  # ours: whoever asked must hear of it, since nobody awaits this task
            _fail(batch, error)
            return
        self._note_result(parameters, completions)
        for (_, answer), completion in zip(batch.rows, completions or [None] * len(batch.rows), strict=True):
            if not answer.done():
                answer.set_result(completion)

    def _note_failure(self, batch: _Batch, error: TeacherError) -> None:
        """A row may be what the server died of, or hangs at: asked again, each is by itself and fails by itself."""
        if isinstance(error, TeacherUnavailable) and not isinstance(error, TeacherBusy):
            if len(self._alone) > MAX_ALONE:
                self._alone.clear()
            self._alone.update(_hash_of(messages) for messages, _ in batch.rows)
        _fail(batch, error)

    def _note_result(self, parameters: Parameters, completions: list[Completion | None] | None) -> None:
        if completions is not None and any(completions):
            self._num_failures[parameters] = -1
        elif (num_failures := self._num_failures.get(parameters, 0)) >= 0:
            self._num_failures[parameters] = num_failures + 1


def _fail(batch: _Batch, error: Exception) -> None:
    for _, answer in batch.rows:
        if not answer.done():
            answer.set_exception(copy.copy(error))  # one error raised in many places would gather all tracebacks


def _hash_of(messages: Messages) -> int:
    return hash(tuple(message["content"] for message in messages))
