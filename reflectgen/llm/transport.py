"""Opening an endpoint as a transport: what asks a model, and can say what its server is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from reflectgen.llm.completion import ChatModel, ClassScores
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.llm.features import ServerFeatures
from reflectgen.llm.load import ServerLoad

if TYPE_CHECKING:
    from reflectgen.llm.wire import Wire


class Transport(ChatModel, Protocol):
    """A model at an endpoint. aiohttp, the `openai` package and the engine in this process all have this seam.

    One call is one try: patience is the pool's. Errors are TeacherError, by kind of failure.
    """

    async def served_models(self) -> list[str]:
        """Return the names of the models that the endpoint serves, in its order."""
        ...

    async def features(self) -> ServerFeatures:
        """Return what the server can do; what cannot be found out is not there, and is no error."""
        ...

    async def metrics(self) -> ServerLoad | None:
        """Return how busy the server says it is, or None where it does not say."""
        ...

    async def count_tokens(self, text: str, model: str) -> int | None:
        """Return the tokens of `text` alone, or None where the server does not say."""
        ...

    async def classify(self, texts: Sequence[str], model: str) -> list[ClassScores]:
        """Return the classes of each text, in order, from a classification model; in one call, which fails whole."""
        ...


def open_transport(options: EndpointOptions, api_key: SecretStr | None, *, cache_salt: str = "") -> Transport:
    """Return the transport that `options` name; nothing is sent or loaded yet.

    `cache_salt` keeps a job's questions apart from others' in vLLM's prefix cache: the same for all of them.

    Raises:
        TeacherError: the address or the key cannot be used, or a package is missing that the transport needs.
    """
    if options.transport == "vllm":
        from reflectgen.llm.in_process import InProcess

        return InProcess(options)

    from reflectgen.llm.client import OpenAIClient  # HTTP clients are slow to import

    return OpenAIClient(
        options.url,
        api_key,
        timeout_seconds=options.timeout_seconds,
        concurrency=options.concurrency,
        batch=options.batch,
        cache_salt=cache_salt,
        wire=_wire_of(options),
    )


def _wire_of(options: EndpointOptions) -> type[Wire]:
    if options.transport == "openai":
        from reflectgen.llm.openai_sdk import OpenAISdkWire

        return OpenAISdkWire
    from reflectgen.llm.aiohttp_wire import AiohttpWire

    return AiohttpWire
