"""HTTP over aiohttp: the transport for many questions, at the least processor time a call that we found."""

from __future__ import annotations

import os

import aiohttp

from reflectgen.llm.answers import one_line
from reflectgen.llm.body import Body
from reflectgen.llm.wire import CONNECT_SECONDS, KEEP_ALIVE_SECONDS, MAX_REPLY_BYTES, Answer, NoAnswer, too_long

FAILURES = (aiohttp.ClientError, OSError, TimeoutError, ValueError)  # the network's, the server's, and a reply too long


class AiohttpWire:
    """Keeps up to `concurrency` connections, and one more for looking at the server."""

    def __init__(self, root: str, key: str, *, timeout_seconds: float, concurrency: int) -> None:
        self._root, self._key = root, key
        self._timeout_seconds = timeout_seconds
        self._concurrency = concurrency
        self._opened: aiohttp.ClientSession | None = None

    async def exchange(
        self, method: str, url: str, body: Body | None = None, max_bytes: int = MAX_REPLY_BYTES
    ) -> Answer | NoAnswer:
        try:
            return await self._send(method, url, body.as_bytes if body else None, max_bytes)
        except FAILURES as error:
            return no_answer(error, self._root, self._timeout_seconds)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def _send(self, method: str, url: str, body: bytes | None, max_bytes: int) -> Answer:
        async with self._session.request(method, url, data=body, allow_redirects=False) as response:
            read = bytearray()
            async for part in response.content.iter_any():
                read += part
                if len(read) > max_bytes:
                    raise ValueError(too_long(max_bytes))
            headers = response.headers
            return Answer(
                status=response.status,
                body=bytes(read),
                kind=headers.get("Content-Type", ""),
                retry_after=headers.get("Retry-After", ""),
                location=headers.get("Location", ""),
            )

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None or self._opened.closed:  # made here because a session belongs to a running loop
            headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._concurrency + 1, keepalive_timeout=KEEP_ALIVE_SECONDS),
                timeout=aiohttp.ClientTimeout(total=self._timeout_seconds, sock_connect=CONNECT_SECONDS),
                headers=headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # we ask for plain bytes; a packed reply would dodge the cap
            )
        return self._opened


def no_answer(error: BaseException, root: str, timeout_seconds: float) -> NoAnswer:
    """Return what `error`, one of `FAILURES`, means: nothing in time, or nothing usable."""
    if isinstance(error, TimeoutError):
        return NoAnswer(f"no answer from {root} in {timeout_seconds:g} s")
    if isinstance(error, aiohttp.ClientResponseError):  # aiohttp quotes the bytes over several lines
        return NoAnswer(f"no usable answer from {root}: what it says is not HTTP")
    number = getattr(error, "errno", None)
    words = os.strerror(number).lower() if isinstance(number, int) and number > 0 else str(error)
    closed = isinstance(
        error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | aiohttp.ClientConnectionResetError
    )
    was_made = not isinstance(error, aiohttp.ClientConnectorError)
    return NoAnswer(f"no usable answer from {root}: {one_line(words) or type(error).__name__}", closed and was_made)
