"""The nouns of asking a model: a request, a completion, and the one method that every kind of model has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

Message = dict[str, str]  # {"role": "system" or "user", "content": ...}


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One question. `json_schema` is what the answer must be an instance of; a server may ignore it, so validate.

    `extra` is merged into the request's body, for what one family of models needs (`chat_template_kwargs`).
    """

    messages: tuple[Message, ...]
    model: str
    seed: int
    temperature: float
    max_tokens: int
    json_schema: Mapping[str, Any] | None = None
    top_logprobs: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TokenChances:
    """One token of a completion and the log-probabilities of the likeliest tokens in its place."""

    token: str
    alternatives: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer. `finish_reason` is `length` where it was cut off; `chances` is empty unless asked for."""

    text: str
    finish_reason: str = "stop"
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    chances: tuple[TokenChances, ...] = ()
    endpoint: str = ""  # who answered, where a model has several


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model that a server lists. `max_model_len` counts the tokens of prompt and answer; None: it does not say."""

    name: str
    max_model_len: int | None = None
    owned_by: str = ""


@dataclass(frozen=True, slots=True)
class ClassScores:
    """What a classifier says of one text: the name of the likeliest class, and the probability of each by its number.

    vLLM names only the likeliest class; what the others are called is in the model's own configuration (`id2label`).
    """

    label: str
    probabilities: tuple[float, ...]


class ChatModel(Protocol):
    """The seam of the llm room. A client, an endpoint with patience and a scripted fake all have it."""

    @property
    def endpoint(self) -> str:
        """Where the model is, without credentials."""
        ...

    async def complete(self, request: CompletionRequest) -> Completion:
        """Answer `request`.

        Raises:
            TeacherError: by kind of failure, see `reflectgen.errors`.
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class CountsTokens(Protocol):
    """A model whose server can say how many tokens a text has."""

    async def count_tokens(self, text: str, model: str) -> int | None: ...
