"""A real HTTP server on a free port that answers what a test wants, byte for byte, as faulty ones do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


@dataclass
class FaultServer:
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    num_connections: int = 0
    max_in_flight: int = 0
    in_flight: int = 0


HANG_UP = b"hang up"
Respond = Callable[
    [Asked], Awaitable[bytes]
]  # the reply's bytes; ending in HANG_UP, the connection is closed after them


def http(status: int, body: bytes | str | dict = b"", kind: str = "application/json", **headers: str) -> bytes:
    """Return one HTTP reply."""
    body = json.dumps(body) if isinstance(body, dict) else body
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} -", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def completion(text: str = "hello", **more) -> dict:
    """Return the body of a completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"model": "m", "choices": [choice | more], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


def models(*names: str) -> dict:
    return {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}


@asynccontextmanager
async def serving(respond: Respond | bytes) -> AsyncIterator[FaultServer]:
    """Serve until the block ends; every reply is `respond`, or what it makes of the request."""
    server = FaultServer()
    tasks = set()

    async def converse(reader, writer):
        tasks.add(asyncio.current_task())
        server.num_connections += 1
        try:
            while asked := await _read(reader):
                server.asked.append(asked)
                server.in_flight += 1
                server.max_in_flight = max(server.max_in_flight, server.in_flight)
                reply = respond if isinstance(respond, bytes) else await respond(asked)
                server.in_flight -= 1
                writer.write(reply.removesuffix(HANG_UP))
                await writer.drain()
                if reply.endswith(HANG_UP):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(converse, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    method, path, _ = first.split(" ")
    return Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))
