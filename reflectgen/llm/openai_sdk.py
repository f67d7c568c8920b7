"""HTTP as the official `openai` package does it: the reference, and for endpoints that want its client and no other."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from reflectgen.errors import TeacherError
from reflectgen.llm.aiohttp_wire import FAILURES, no_answer
from reflectgen.llm.body import Body
from reflectgen.llm.wire import (
    CHATS,
    CONNECT_SECONDS,
    KEEP_ALIVE_SECONDS,
    MAX_REPLY_BYTES,
    Answer,
    NoAnswer,
    too_long,
)

if TYPE_CHECKING:
    import httpx2

NO_KEY = "none"  # without one the package would look for keys in the environment
# The package's mark of a raw reply is one of them, because it reads the mark off the request that was sent.
SENT_HEADERS = ("accept", "authorization", "content-length", "content-type", "host", "x-stainless-raw-response")
NAMED_FIELDS = (
    "model",
    "messages",
    "seed",
    "temperature",
    "max_completion_tokens",
    "response_format",
    "logprobs",
    "top_logprobs",
)
_max_bytes: ContextVar[int] = ContextVar("max_bytes", default=MAX_REPLY_BYTES)


class OpenAISdkWire:
    """Asks chats with `chat.completions.create`, and what the package has no method for with its `get` and `post`.

    Its patience is not used (`max_retries=0`), and nothing of its environment variables reaches the server. It runs
    over aiohttp, which it supports, so that both transports meet the same failures.

    Raises:
        TeacherError: the package is not installed, or too old.
    """

    def __init__(self, root: str, key: str, *, timeout_seconds: float, concurrency: int) -> None:
        try:
            import httpx2
            import openai
        except ImportError as error:
            raise TeacherError(
                "the transport 'openai' needs the package openai, 3 or later: pip install 'reflectgen[openai]'"
            ) from error
        self._root, self._key = root, key
        self._timeout_seconds = timeout_seconds
        self._reply_type = httpx2.Response
        self._failures = (openai.OpenAIError, *FAILURES)
        self._refused = openai.APIStatusError
        timeout = httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
        self._client = openai.AsyncOpenAI(
            base_url=root,
            api_key=key or NO_KEY,
            max_retries=0,
            timeout=timeout,
            http_client=openai.DefaultAioHttpClient(
                timeout=timeout,
                limits=httpx2.Limits(max_connections=concurrency + 1, keepalive_expiry=KEEP_ALIVE_SECONDS),
                verify=ssl.create_default_context(),
                follow_redirects=False,
                trust_env=False,
                event_hooks={"request": [self._strip_headers], "response": [_cap_reply]},
            ),
        )

    async def exchange(
        self, method: str, url: str, body: Body | None = None, max_bytes: int = MAX_REPLY_BYTES
    ) -> Answer | NoAnswer:
        _max_bytes.set(max_bytes)
        try:
            async with asyncio.timeout(self._timeout_seconds):  # the package's own is from one piece to the next
                return _answer(await self._send(method, url, body))
        except self._failures as error:
            if isinstance(error, self._refused):
                return _answer(error.response)
            cause: BaseException = error
            while isinstance(cause.__cause__, Exception):  # a timeout's own is a CancelledError, which says nothing
                cause = cause.__cause__
            return no_answer(cause, self._root, self._timeout_seconds)

    async def close(self) -> None:
        await self._client.close()

    async def _send(self, method: str, url: str, body: Body | None) -> httpx2.Response:
        if method == "GET" or body is None:
            return await self._client.get(url, cast_to=self._reply_type)
        if url != self._root + CHATS:
            return await self._client.post(url, cast_to=self._reply_type, body=body.as_dict)
        others = body.as_dict
        named: dict[str, Any] = {name: others.pop(name) for name in NAMED_FIELDS if name in others}
        reply = await self._client.chat.completions.with_raw_response.create(**named, extra_body=others)
        response: httpx2.Response = reply.http_response
        return response

    async def _strip_headers(self, request: httpx2.Request) -> None:
        """Send what we mean to, and none of the headers that the package takes from the environment."""
        for name in list(request.headers):
            if name not in SENT_HEADERS:
                del request.headers[name]
        request.headers["accept-encoding"] = "identity"
        request.headers.pop("authorization", None)
        if self._key:
            request.headers["authorization"] = f"Bearer {self._key}"


async def _cap_reply(response: httpx2.Response) -> None:
    """Called before the body is read. Nothing is unpacked: a packed reply would dodge the cap."""
    response.headers.pop("content-encoding", None)
    response.stream = _capped_stream_type()(response.stream)


@cache
def _capped_stream_type() -> type:
    import httpx2

    class CappedStream(httpx2.AsyncByteStream):
        def __init__(self, stream: httpx2.AsyncByteStream) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            num_bytes, max_bytes = 0, _max_bytes.get()
            async for part in self._stream:
                num_bytes += len(part)
                if num_bytes > max_bytes:
                    raise ValueError(too_long(max_bytes))
                yield part

        async def aclose(self) -> None:
            await self._stream.aclose()

    return CappedStream


def _answer(response: httpx2.Response) -> Answer:
    headers = response.headers
    return Answer(
        status=response.status_code,
        body=response.content,
        kind=headers.get("content-type", ""),
        retry_after=headers.get("retry-after", ""),
        location=headers.get("location", ""),
    )
