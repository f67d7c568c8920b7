"""One server behind an OpenAI-compatible address, and what it is asked beside questions to a model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from pydantic import SecretStr

from reflectgen.errors import TeacherError, TeacherGone, TeacherNotFound
from reflectgen.llm.address import api_root
from reflectgen.llm.answers import classes_in, models_in, one_line, tokens_in
from reflectgen.llm.body import Body
from reflectgen.llm.completion import ClassScores
from reflectgen.llm.features import ServerFeatures, find_features, server_root
from reflectgen.llm.load import ServerLoad, parse_metrics
from reflectgen.llm.refusals import MISSING, Refusals
from reflectgen.llm.wire import CHATS, MAX_REPLY_BYTES, Answer, NoAnswer, Wire, usable_key

FIND_SECONDS = 10.0  # for all that is asked to find out what a server can do
FIND_AGAIN_SECONDS = 30.0  # after a server was not ready to say
NO_API = "nothing there looks like an OpenAI-compatible API: check the address (vLLM's ends in /v1)"


class Server:
    """Asks once, or twice where a kept connection turned out closed.

    Raises:
        TeacherError: `url` is not the address of an API.
        TeacherUnauthorized: `api_key` holds what no header can carry.
    """

    def __init__(
        self, url: str, api_key: SecretStr | None, wire: type[Wire], *, timeout_seconds: float, concurrency: int
    ) -> None:
        self.root = api_root(url)
        self._base = server_root(self.root)
        key = usable_key(api_key, self.root)
        self.refusals = Refusals(self.root, key)
        self._wire = wire(self.root, key, timeout_seconds=timeout_seconds, concurrency=concurrency)
        self._find_seconds = min(FIND_SECONDS, timeout_seconds)
        self._features = ServerFeatures()
        self._finding: asyncio.Task[None] | None = None
        self._find_at = 0.0
        self.is_found = False  # what it can do, for good

    async def ask(self, method: str, url: str, body: Body | None = None, max_bytes: int = MAX_REPLY_BYTES) -> Answer:
        """Return what the server answers, whatever its status.

        Raises:
            TeacherGone: it does not answer.
        """
        answer = await self._exchange(method, url, body, max_bytes)
        if isinstance(answer, NoAnswer):
            raise TeacherGone(self.refusals.without_key(answer.problem))
        return answer

    async def served_models(self) -> list[str]:
        """Return the names at `/models`, in the server's order.

        Raises:
            TeacherError: by status; TeacherUnavailable also where the answer is no list of models.
        """
        where = f"{self.root}/models"
        answer = await self.ask("GET", where)
        if answer.status in MISSING:
            raise TeacherNotFound(f"{where} answered {answer.status}: {NO_API}")
        if answer.status != 200:
            self.refusals.raise_for(answer)
        models = models_in(answer.body)
        if models is None:
            raise self.refusals.unusable(answer, "list of models", where)
        return [model.name for model in models]

    async def features(self) -> ServerFeatures:
        """Return what the server can do, found once; what could not be found out now is not there, and looked for again
        when half a minute has passed."""
        if not self.is_found and time.monotonic() >= self._find_at:
            if self._finding is None:
                self._finding = asyncio.get_running_loop().create_task(self._find())
            await asyncio.shield(self._finding)  # whoever asked first may be cancelled
        return self._features

    async def metrics(self) -> ServerLoad | None:
        """Return how busy the server says it is, or None where it does not say.

        Raises:
            TeacherUnavailable: it does not answer.
        """
        answer = await self.ask("GET", f"{self._base}/metrics")
        return parse_metrics(answer.body.decode("utf-8", "replace")) if answer.status == 200 else None

    async def count_tokens(self, text: str, model: str) -> int | None:
        """Return the tokens of `text` alone, as vLLM's `/tokenize` counts them; None where it does not.

        Raises:
            TeacherUnavailable: the server does not answer.
        """
        body = Body.of({"model": model, "prompt": text, "add_special_tokens": False})
        answer = await self.ask("POST", f"{self._base}/tokenize", body)
        return tokens_in(answer.body) if answer.status == 200 else None

    async def classify(self, texts: Sequence[str], model: str) -> list[ClassScores]:
        """Return the classes of each text, as vLLM's `/classify` gives them for a classification model.

        Raises:
            TeacherError: by status. RequestRejected where one of the texts cannot be read, by being too long for the
                model: none of them is classified, and they can be asked for one by one.
        """
        if not texts:
            return []
        where = f"{self._base}/classify"
        answer = await self.ask("POST", where, Body.of({"model": model, "input": list(texts)}))
        if answer.status in MISSING or answer.status == 501:
            line = self.refusals.line(answer, where)
            raise TeacherNotFound(f"{line}; vLLM has it where it serves the model {model!r} as a classifier")
        if answer.status != 200:
            self.refusals.raise_for(answer, where)
        classes = classes_in(answer.body, len(texts))
        if classes is None:
            raise self.refusals.unusable(answer, "classification", where)
        return classes

    async def what_is_missing(self, answer: Answer, model: str) -> TeacherNotFound:
        """Return the error for a chat that is answered as if it were not there: the address, or the model."""
        line = self.refusals.line(answer, self.root + CHATS)
        try:
            served = await self.served_models()
        except TeacherError:
            return TeacherNotFound(f"{line}; {NO_API}")
        if model in served:
            return TeacherNotFound(f"{line}; it lists the model {model!r} but does not answer chats: check the address")
        return TeacherNotFound(f"{line}; it serves no model {model!r}, only: {one_line(', '.join(served)) or 'none'}")

    async def close(self) -> None:
        if self._finding is not None:
            self._finding.cancel()
            await asyncio.gather(self._finding, return_exceptions=True)
        await self._wire.close()

    async def _exchange(
        self, method: str, url: str, body: Body | None = None, max_bytes: int = MAX_REPLY_BYTES
    ) -> Answer | NoAnswer:
        answer = await self._wire.exchange(method, url, body, max_bytes)
        if isinstance(answer, NoAnswer) and answer.was_closed:
            answer = await self._wire.exchange(method, url, body, max_bytes)
        return answer

    async def _find(self) -> None:
        try:
            async with asyncio.timeout(self._find_seconds):
                self._features, self.is_found = await find_features(self._exchange, self.root)
        except TimeoutError:
            pass
        finally:
            self._find_at = time.monotonic() + FIND_AGAIN_SECONDS
            self._finding = None
