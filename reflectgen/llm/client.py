"""The client of one OpenAI-compatible endpoint: one try a call, failures sorted by type. Patience is `outage.py`."""

from __future__ import annotations

import asyncio
import json
import os
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import aiohttp
from pydantic import SecretStr

from reflectgen.errors import (
    RequestRejected,
    TeacherBusy,
    TeacherError,
    TeacherNotFound,
    TeacherUnauthorized,
    TeacherUnavailable,
)
from reflectgen.llm.address import api_root
from reflectgen.llm.answers import completion_in, models_in, one_line, words_in
from reflectgen.llm.completion import Completion, CompletionRequest

CONNECT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 4.0  # vLLM closes an idle connection after 5
MAX_REPLY_BYTES = 4 * 1024 * 1024
KEY_VARIABLES = "the key in REFLECTGEN_TEACHER_API_KEY (for a guard, REFLECTGEN_GUARD_API_KEY)"
NO_API = "nothing there looks like an OpenAI-compatible API: check the address (vLLM's ends in /v1)"
MISSING = (404, 405, 410)
KEY = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    kind: str
    body: bytes
    retry_after: str = ""
    location: str = ""


class OpenAIClient:
    """Asks one endpoint, at most `concurrency` calls at a time over kept connections.

    The key travels as a bearer token and appears in no message, repr or exception. Redirects are not followed,
    environment proxies not used, replies over 4 MiB not read.

    Raises:
        TeacherError: `url` is not the address of an API.
        TeacherUnauthorized: `api_key` holds what no header can carry.
    """

    def __init__(
        self, url: str, api_key: SecretStr | None = None, *, timeout_seconds: float = 120.0, concurrency: int = 64
    ) -> None:
        self._root = api_root(url)
        self._key = api_key.get_secret_value() if api_key else ""
        if self._key and not KEY.fullmatch(self._key):
            raise TeacherUnauthorized(f"the key for {self._root} holds characters that no HTTP header can carry")
        self._timeout_seconds = timeout_seconds
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._opened: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"OpenAIClient({self._root!r})"

    @property
    def endpoint(self) -> str:
        return self._root

    async def complete(self, request: CompletionRequest) -> Completion:
        """Ask once, or twice where a kept connection turned out closed.

        Raises:
            TeacherError: TeacherUnauthorized, TeacherNotFound, TeacherUnavailable, TeacherBusy, RequestRejected.
        """
        async with self._slots:
            answer = await self._exchange("POST", "/chat/completions", json.dumps(_body(request)).encode())
        if answer.status != 200:
            await self._refuse(answer, request.model)
        completion = completion_in(answer.body)
        if completion is None:
            seen = f"{answer.kind or 'no content type'}, {len(answer.body)} bytes"
            raise TeacherUnavailable(f"{self._root} answered 200 with something that is no completion ({seen})")
        return completion

    async def served_models(self) -> list[str]:
        """Return the names at `/models`, in the server's order.

        Raises:
            TeacherError: the same as `complete`; TeacherUnavailable also where the answer is no list of models.
        """
        answer = await self._exchange("GET", "/models")
        if answer.status in MISSING:
            raise TeacherNotFound(f"{self._root}/models answered {answer.status}: {NO_API}")
        if answer.status != 200:
            self._raise_for_status(answer)
        models = models_in(answer.body)
        if models is None:
            raise TeacherUnavailable(f"{self._root}/models answered 200 with something that is no list of models")
        return models

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def _exchange(self, method: str, route: str, body: bytes | None = None) -> _Answer:
        for is_last in (False, True):
            try:
                return await self._send(method, route, body)
            except TimeoutError:
                problem = f"no answer from {self._root} in {self._timeout_seconds:g} s"
            except (aiohttp.ClientError, OSError, ValueError) as error:
                if _was_closed(error) and not is_last:
                    continue
                problem = self._said(error)
            break
        # Raised out here because aiohttp's errors hold the request's headers, and with them the key.
        raise TeacherUnavailable(problem)

    async def _send(self, method: str, route: str, body: bytes | None) -> _Answer:
        url = self._root + route
        async with self._session.request(method, url, data=body, allow_redirects=False) as response:
            read = bytearray()
            async for part in response.content.iter_any():
                read += part
                if len(read) > MAX_REPLY_BYTES:
                    raise ValueError(f"a reply of more than {MAX_REPLY_BYTES // 2**20} MiB")
            headers = response.headers
            return _Answer(
                status=response.status,
                kind=one_line(headers.get("Content-Type", ""), 60),
                body=bytes(read),
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

    def _said(self, error: Exception) -> str:
        number = getattr(error, "errno", None)
        words = os.strerror(number).lower() if isinstance(number, int) and number > 0 else str(error)
        return self._without_key(f"no usable answer from {self._root}: {one_line(words) or type(error).__name__}")

    def _without_key(self, words: str) -> str:
        return words.replace(self._key, "***") if self._key else words

    async def _refuse(self, answer: _Answer, model: str) -> NoReturn:
        if answer.status in MISSING:
            raise TeacherNotFound(await self._what_is_missing(answer, model))
        self._raise_for_status(answer)

    def _raise_for_status(self, answer: _Answer) -> NoReturn:
        said = self._without_key(words_in(answer.body))
        line = f"{self._root} answered {answer.status}" + (f": {said}" if said else "")
        match answer.status:
            case 401 | 402 | 403:
                raise TeacherUnauthorized(f"{line}; {'check' if self._key else 'set'} {KEY_VARIABLES}")
            case 429 | 503:
                raise TeacherBusy(line, _seconds(answer.retry_after))
            case status if 300 <= status < 400:
                where = one_line(self._without_key(answer.location), 80)
                raise TeacherUnavailable(f"{self._root} answered {status}: it redirects to {where!r}, we do not follow")
            case status if status < 400 or status >= 500 or status in (408, 425):
                raise TeacherUnavailable(line)
        raise RequestRejected(line)

    async def _what_is_missing(self, answer: _Answer, model: str) -> str:
        said = self._without_key(words_in(answer.body))
        line = f"{self._root}/chat/completions answered {answer.status}" + (f": {said}" if said else "")
        try:
            served = await self.served_models()
        except TeacherError:
            return f"{line}; {NO_API}"
        if model in served:
            return f"{line}; it lists the model {model!r} but does not answer chats: check the address"
        return f"{line}; it serves no model {model!r}, only: {one_line(', '.join(served)) or 'none'}"


def _body(request: CompletionRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": request.model,
        "messages": list(request.messages),
        "seed": request.seed,
        "temperature": request.temperature,
        "max_completion_tokens": request.max_tokens,
    }
    if request.json_schema is not None:
        schema = {"name": "answer", "schema": dict(request.json_schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.top_logprobs:
        body |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    return {**request.extra, **body}


def _was_closed(error: Exception) -> bool:
    """Tell whether a connection that we had was closed, as a kept one may be; one never made is no such case."""
    closed = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
    return closed and not isinstance(error, aiohttp.ClientConnectorError)


def _seconds(retry_after: str) -> float | None:
    """Read a Retry-After in seconds; one that names a date is not read."""
    return float(retry_after) if re.fullmatch(r"\d{1,6}(\.\d+)?", retry_after) else None
