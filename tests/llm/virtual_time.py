"""Time that passes when a test has nothing else to do: ten minutes of waiting take none."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from itertools import count
from typing import Any

from reflectgen.llm.completion import Completion, CompletionRequest
from reflectgen.llm.scripted import ScriptedModel

FLUSHES = 60  # turns of the event loop after which everyone who can go on has


class VirtualTime:
    """`clock` and `sleep` to hand to the code, and `run`, which moves the time to the next sleeper's end."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        ended = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), ended))
        await ended

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(self._run(main))

    async def _run(self, main: Coroutine[Any, Any, Any]) -> Any:
        task = asyncio.ensure_future(main)
        while not task.done():
            for turn in range(100 * FLUSHES):
                await asyncio.sleep(0)
                if task.done() or (self._sleepers and turn >= FLUSHES):
                    break
            if not task.done():
                assert self._sleepers, "everyone waits and no one sleeps: a deadlock"
                self.now, _, ended = heapq.heappop(self._sleepers)
                if not ended.done():
                    ended.set_result(None)
        return task.result()


class SlowModel(ScriptedModel):
    """A scripted model whose answers take `seconds`; what it says is decided when it is asked."""

    def __init__(self, script, time: VirtualTime, seconds: float = 1.0) -> None:
        super().__init__(script)
        self._time, self._seconds = time, seconds
        self.in_flight = self.max_in_flight = 0

    async def complete(self, request: CompletionRequest) -> Completion:
        self.in_flight += 1
        self.max_in_flight = max(self.in_flight, self.max_in_flight)
        try:
            return await super().complete(request)
        finally:
            await self._time.sleep(self._seconds)
            self.in_flight -= 1
