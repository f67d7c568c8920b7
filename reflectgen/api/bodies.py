"""How large a request may be, where it is read whole: JSON. Uploads count for themselves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message

from reflectgen.api.problems import Problem

MAX_JSON_BYTES = 1 << 20


class JSONRoute(APIRoute):
    """A route whose body ends with a problem once it is longer than `MAX_JSON_BYTES`, however it is sent."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            receive, num_bytes = request.receive, 0
            refuse_longer(request, MAX_JSON_BYTES)

            async def counted() -> Message:
                nonlocal num_bytes
                message = await receive()
                num_bytes += len(message.get("body", b""))
                if num_bytes > MAX_JSON_BYTES:
                    # Not a Problem: whoever reads the body takes those for a body that cannot be read.
                    raise HTTPException(413, _said(MAX_JSON_BYTES))
                return message

            return await handle(Request(request.scope, counted))

        return limited


def _said(limit: int) -> str:
    return f"a request may have {limit} bytes"


def refuse_longer(request: Request, limit: int) -> None:
    """Refuse a request that says itself that it is longer than `limit`.

    Raises:
        Problem: it is.
    """
    said = request.headers.get("content-length", "")
    if said.isdecimal() and len(said) < 20 and int(said) > limit:
        raise Problem(413, _said(limit))
