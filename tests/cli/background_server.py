"""A fault server in a thread of its own, for tests that run the command line, which has its own event loop."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.jobs.worlds import varied
from tests.llm.fault_server import Asked, FaultServer, Respond, completion, http, models, serving


@contextmanager
def background(respond: Respond | bytes) -> Iterator[FaultServer]:
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop, found = asyncio.Event(), []

    async def serve() -> None:
        async with serving(respond) as server:
            found.append(server)
            started.set()
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    started.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def passage(asked: Asked) -> str:
    """Return the whole user message, which holds one chunk."""
    return asked.json()["messages"][-1]["content"]


def is_question(asked: Asked) -> bool:
    return asked.path.endswith("/chat/completions")


def good_answer(asked: Asked) -> bytes:
    """Answer as a teacher would that has something else to say of every chunk."""
    if asked.path.endswith("/models"):
        return http(200, models("m"))
    if not is_question(asked):
        return http(404, {"error": "only chats here"})
    name = next(word for word in passage(asked).split() if word.startswith("s") and word[1:].isdigit())
    reflection = {
        "evidence": "",
        "verdict": "safe",
        "category": "none",
        "rationale": f"boats: {varied(name)}",
    }
    return http(200, completion(json.dumps(reflection)))
