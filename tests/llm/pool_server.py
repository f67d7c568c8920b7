"""A real server at an address of its own, which can be killed in the middle of its answers and started again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from aiohttp import web

from tests.llm.fault_server import completion, models


class PoolServer:
    """Answers chats after `seconds`, with `status` where it is not 200; `room` at once, the others wait inside."""

    def __init__(self, *, seconds: float = 0.01, room: int = 1_000, model: str = "m") -> None:
        self.seconds, self.model, self.status = seconds, model, 200
        self.num_asked = self.num_computed = self.num_inside = self.max_inside = 0
        self._room = asyncio.Semaphore(room)
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._transports: set[asyncio.BaseTransport] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._chat),
                web.get("/v1/models", self._models),
                web.get("/metrics", self._metrics),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def kill(self) -> None:
        """Cut every connection, and listen no longer."""
        if self._runner is not None:
            for transport in self._transports:
                transport.abort()
            self._transports.clear()
            await self._runner.cleanup()
            self._runner = None

    async def _chat(self, request: web.Request) -> web.Response:
        self._transports.add(request.transport)
        self.num_asked += 1
        self.num_inside += 1
        self.max_inside = max(self.max_inside, self.num_inside)
        try:
            async with self._room:
                self.num_computed += 1
                try:
                    await asyncio.sleep(self.seconds)
                finally:
                    self.num_computed -= 1
        finally:
            self.num_inside -= 1
        return web.json_response(completion("yes") if self.status == 200 else {"error": "no"}, status=self.status)

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response(models(self.model))

    async def _metrics(self, request: web.Request) -> web.Response:
        waiting = self.num_inside - self.num_computed
        lines = [f"vllm:num_requests_running {self.num_computed}", f"vllm:num_requests_waiting {waiting}", ""]
        return web.Response(text="\n".join(lines))


@asynccontextmanager
async def pool_servers(*servers: PoolServer):
    """Start `servers`, and kill them in the end."""
    try:
        for server in servers:
            await server.start()
        yield
    finally:
        for server in servers:
            await server.kill()
