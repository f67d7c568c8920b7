"""The client of one OpenAI-compatible endpoint: one try a call, failures sorted by type. Patience is the pool's."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence

from pydantic import SecretStr

from reflectgen.llm.aiohttp_wire import AiohttpWire
from reflectgen.llm.answers import completion_in, completions_in
from reflectgen.llm.batch import Batcher, Messages
from reflectgen.llm.body import Parameters, ParametersCache
from reflectgen.llm.completion import ClassScores, Completion, CompletionRequest
from reflectgen.llm.features import BATCH, ServerFeatures
from reflectgen.llm.load import ServerLoad
from reflectgen.llm.refusals import MISSING
from reflectgen.llm.server import Server
from reflectgen.llm.wire import CHATS, MAX_REPLY_BYTES, Wire
from reflectgen.traces import INPUT_TOKENS, MODEL, OUTPUT_TOKENS, STATUS, Traced, span

CACHE_SALT = re.compile(r"[^@/\\\x00]{1,128}")  # what vLLM takes
NO_BATCH = (400, 413, 422, 501, *MISSING)  # answers after which each row is asked by itself


class OpenAIClient:
    """Asks one endpoint, at most `concurrency` questions at a time over kept connections.

    The key travels as a bearer token and appears in no message, repr or exception. Redirects are not followed,
    environment proxies not used, replies over 4 MiB a question not read. With `batch`, questions of equal parameters
    share calls where the server has a route for that. `cache_salt` is sent to vLLM only, and as its SHA-256 where vLLM
    would not take it.

    Raises:
        TeacherError: `url` is not the address of an API.
        TeacherUnauthorized: `api_key` holds what no header can carry.
    """

    def __init__(
        self,
        url: str,
        api_key: SecretStr | None = None,
        *,
        timeout_seconds: float = 120.0,
        concurrency: int = 64,
        batch: bool = False,
        cache_salt: str = "",
        wire: type[Wire] = AiohttpWire,
    ) -> None:
        self._server = Server(url, api_key, wire, timeout_seconds=timeout_seconds, concurrency=concurrency)
        self._root = self._server.root
        self._slots = asyncio.Semaphore(concurrency)
        self._wants_batch, self._cache_salt = batch, _usable_salt(cache_salt)
        self._is_adapted = not (batch or cache_salt)
        self._parameters = ParametersCache()
        self._batcher: Batcher | None = None

    def __repr__(self) -> str:
        return f"OpenAIClient({self._root!r})"

    @property
    def endpoint(self) -> str:
        return self._root

    async def complete(self, request: CompletionRequest) -> Completion:
        """Ask once, or twice where a kept connection turned out closed; a row that a batch did not answer, by itself.

        Raises:
            TeacherError: TeacherUnauthorized, TeacherNotFound, TeacherUnavailable, TeacherBusy, RequestRejected.
        """
        async with self._slots:
            if not self._is_adapted:
                await self._adapt()
            parameters = self._parameters.parameters_of(request)
            if self._batcher is not None:
                completion = await self._batcher.ask(parameters, request.messages)
                if completion is not None:
                    return completion
            return await self._ask_one(parameters, request)

    async def served_models(self) -> list[str]:
        """Return the names at `/models`, in the server's order.

        Raises:
            TeacherError: the same as `complete`; TeacherUnavailable also where the answer is no list of models.
        """
        return await self._server.served_models()

    async def features(self) -> ServerFeatures:
        """Return what the server can do beside answering chats; what cannot be found out is not there."""
        return await self._server.features()

    async def metrics(self) -> ServerLoad | None:
        """Return how busy the server says it is, or None where it does not say.

        Raises:
            TeacherUnavailable: it does not answer.
        """
        return await self._server.metrics()

    async def count_tokens(self, text: str, model: str) -> int | None:
        """Return the tokens of `text` alone, without those of the chat around it; None where the server does not say.

        Raises:
            TeacherUnavailable: it does not answer.
        """
        return await self._server.count_tokens(text, model)

    async def classify(self, texts: Sequence[str], model: str) -> list[ClassScores]:
        """Return the classes of each text, in order, in one call to a server with a classification model.

        Raises:
            TeacherError: the same as `complete`; RequestRejected where one of the texts is too long for the model.
        """
        async with self._slots:
            with span("classify", rows=len(texts), **{MODEL: model}):
                return await self._server.classify(texts, model)

    async def close(self) -> None:
        if self._batcher is not None:
            await self._batcher.close()
        await self._server.close()

    async def _adapt(self) -> None:
        """Use what the server can do."""
        features = await self._server.features()
        if self._is_adapted:
            return
        if features.is_vllm and self._cache_salt:
            self._parameters = ParametersCache(self._cache_salt)
        if features.has_batch and self._wants_batch:
            self._batcher = self._batcher or Batcher(self._ask_batch)
        self._is_adapted = self._server.is_found

    async def _ask_one(self, parameters: Parameters, request: CompletionRequest) -> Completion:
        with span("chat", rows=1, **{MODEL: request.model}) as traced:
            answer = await self._server.ask("POST", self._root + CHATS, parameters.body(request.messages))
            traced.set_attribute(STATUS, answer.status)
            if answer.status in MISSING:
                raise await self._server.what_is_missing(answer, request.model)
            if answer.status != 200:
                self._server.refusals.raise_for(answer)
            completion = completion_in(answer.body, self._root)
            if completion is None:
                raise self._server.refusals.unusable(answer, "completion")
            _tell_tokens(traced, [completion])
            return completion

    async def _ask_batch(self, parameters: Parameters, rows: list[Messages]) -> list[Completion | None] | None:
        max_bytes = MAX_REPLY_BYTES * len(rows)
        with span("chat", rows=len(rows), **{MODEL: str(parameters.fields["model"])}) as traced:
            answer = await self._server.ask("POST", self._root + BATCH, parameters.body(rows), max_bytes)
            traced.set_attribute(STATUS, answer.status)
            if answer.status in NO_BATCH:
                return None
            if answer.status != 200:
                self._server.refusals.raise_for(answer)
            num_characters = [sum(len(message["content"]) for message in messages) for messages in rows]
            completions = completions_in(answer.body, num_characters, self._root)
            _tell_tokens(traced, completions or [])
            return completions


def _tell_tokens(traced: Traced, completions: Sequence[Completion | None]) -> None:
    answered = [one for one in completions if one is not None]
    traced.set_attribute(INPUT_TOKENS, sum(one.prompt_tokens for one in answered))
    traced.set_attribute(OUTPUT_TOKENS, sum(one.completion_tokens for one in answered))


def _usable_salt(salt: str) -> str:
    return salt if not salt or CACHE_SALT.fullmatch(salt) else hashlib.sha256(salt.encode()).hexdigest()
