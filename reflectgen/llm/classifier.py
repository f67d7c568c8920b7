"""A classification model as a chat model: the text is the question's last message, the answer its classes as JSON.

So a classifier is a guard like any other, with the pool's patience; texts that are asked about at the same time share a
call.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from reflectgen.errors import RequestRejected, TeacherUnavailable
from reflectgen.llm.batch import Batcher, Messages
from reflectgen.llm.body import Parameters
from reflectgen.llm.completion import ClassScores, Completion, CompletionRequest
from reflectgen.llm.load import ServerLoad
from reflectgen.llm.transport import Transport

MAX_TEXTS = 32  # a call fails whole where one of its texts is too long
CLASSIFIES = Parameters({}, b"{}", can_batch=True)


class ClassifierModel:
    """Asks `transport`'s server for the classes of texts; everything but the last message's text is left out.

    The completion's text is `{"label": …, "probabilities": […]}`. Such servers count no tokens.
    """

    def __init__(self, transport: Transport, model: str) -> None:
        self._transport, self._model = transport, model
        self._batcher = Batcher(self._ask_batch, max_rows=MAX_TEXTS)

    @property
    def endpoint(self) -> str:
        return self._transport.endpoint

    async def complete(self, request: CompletionRequest) -> Completion:
        """Ask once; a text that a shared call failed on, by itself.

        Raises:
            TeacherError: as `Transport.classify`.
        """
        completion = await self._batcher.ask(CLASSIFIES, request.messages)
        return completion or (await self._classify([request.messages]))[0]

    async def metrics(self) -> ServerLoad | None:
        return await self._transport.metrics()

    async def close(self) -> None:
        await self._batcher.close()
        await self._transport.close()

    async def _ask_batch(self, _: Parameters, rows: list[Messages]) -> list[Completion | None] | None:
        try:
            return list(await self._classify(rows))
        except RequestRejected:
            return None  # one of them is to blame, and each is asked about by itself

    async def _classify(self, rows: Sequence[Messages]) -> list[Completion]:
        scores = await self._transport.classify([messages[-1]["content"] for messages in rows], self._model)
        if len(scores) != len(rows):
            raise TeacherUnavailable(f"{self.endpoint} gave {len(scores)} classifications for {len(rows)} texts")
        return [self._completion(each) for each in scores]

    def _completion(self, scores: ClassScores) -> Completion:
        text = json.dumps({"label": scores.label, "probabilities": list(scores.probabilities)})
        return Completion(text, model=self._model, endpoint=self.endpoint)
