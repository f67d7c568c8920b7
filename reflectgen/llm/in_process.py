"""The engine in this process as a transport: it has no server to ask, and says so."""

from __future__ import annotations

from collections.abc import Sequence

from reflectgen.errors import TeacherNotFound
from reflectgen.llm.completion import ClassScores, Completion, CompletionRequest, ServedModel
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.llm.features import ServerFeatures
from reflectgen.llm.load import ServerLoad
from reflectgen.llm.vllm_engine import open_engine


class InProcess:
    """Asks a vLLM engine without HTTP.

    Raises:
        TeacherError: `options` name no model.
    """

    def __init__(self, options: EndpointOptions) -> None:
        self._engine = open_engine(options)

    @property
    def endpoint(self) -> str:
        return self._engine.endpoint

    async def complete(self, request: CompletionRequest) -> Completion:
        return await self._engine.complete(request)

    async def served_models(self) -> list[str]:
        return [self._engine.model]

    async def features(self) -> ServerFeatures:
        return ServerFeatures(is_vllm=True, models=(ServedModel(self._engine.model),))

    async def metrics(self) -> ServerLoad | None:
        return None

    async def count_tokens(self, text: str, model: str) -> int | None:
        return None

    async def classify(self, texts: Sequence[str], model: str) -> list[ClassScores]:
        raise TeacherNotFound("a classifier cannot run in this process: give its endpoint a url")

    async def close(self) -> None:
        await self._engine.close()
