"""Around every request: the host it names, its id, the headers of its answer, its line in the log."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence

import anyio.to_thread
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reflectgen.api import problems
from reflectgen.api.metrics import Metrics
from reflectgen.traces import STATUS, Traced, span

MAX_WAITING = (
    100  # requests that wait for a thread; whoever comes then is told to come again, and costs next to nothing
)
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_log = structlog.get_logger("reflectgen.api")

# Answers are data, never a page: a browser that is shown one must not find markup in a corpus's words.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_NEVER_REFUSED = ("/healthz", "/metrics")  # a service that has too much to do is not a dead one


def _is_overrun() -> bool:
    return anyio.to_thread.current_default_thread_limiter().statistics().tasks_waiting >= MAX_WAITING


class Surround:
    """ASGI around the application. A log line has the route as it is written, never a path, query, header or body."""

    def __init__(self, app: ASGIApp, metrics: Metrics, hosts: Sequence[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._hosts = [host.lower() for host in hosts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        state = scope.setdefault("state", {})
        began, status, answered_after = time.perf_counter(), 500, None

        async def send_on(message: Message) -> None:
            nonlocal status, answered_after
            if message["type"] == "http.response.start":
                status, answered_after = message["status"], time.perf_counter() - began
                headers = MutableHeaders(scope=message)
                for name, value in (_HEADERS | state.get("headers", {})).items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request_id
            await send(message)

        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            span("request", request_id=request_id) as traced,
        ):
            try:
                if not self._is_known(Headers(scope=scope).get("host", "")):
                    refusal = problems.response(400, "this host name is not served here")
                    await refusal(scope, receive, send_on)
                elif scope["path"] not in _NEVER_REFUSED and _is_overrun():
                    said = "too many requests are waiting here; send it again in a moment"
                    refusal = problems.response(503, said, headers={"Retry-After": "1"})
                    await refusal(scope, receive, send_on)
                else:
                    await self._app(scope, receive, send_on)
            finally:
                self._note(scope, status, answered_after or time.perf_counter() - began, state.get("key_id"), traced)

    def _is_known(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].lower()
        return any(
            known in ("*", name) or (known.startswith("*.") and name.endswith(known[1:])) for known in self._hosts
        )

    def _note(self, scope: Scope, status: int, seconds: float, key_id: str | None, traced: Traced) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if route != "none" else "any"
        self._metrics.answered(method, route, status, seconds)
        traced.update_name(f"{method} {route}")
        traced.set_attribute("http.request.method", method)
        traced.set_attribute("http.route", route)
        traced.set_attribute(STATUS, status)
        _log.info(
            "request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1), key=key_id
        )
