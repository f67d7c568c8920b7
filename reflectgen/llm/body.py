"""Writing what is sent: the part that many questions have in common is written once, and each question's beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any

from reflectgen.llm.completion import CompletionRequest

# What vLLM's batch route reads of what `extra` may hold: it ignores any other field, where the single route would not.
# Source: BatchChatCompletionRequest in vllm/entrypoints/openai/chat_completion/protocol.py, vLLM 0.32.
BATCH_FIELDS = frozenset(
    [
        "chat_template",
        "chat_template_kwargs",
        "echo",
        "frequency_penalty",
        "include_reasoning",
        "include_stop_str_in_output",
        "logit_bias",
        "min_p",
        "presence_penalty",
        "priority",
        "repetition_penalty",
        "stop",
        "structured_outputs",
        "top_k",
        "top_p",
        "user",
    ]
)
MAX_KEPT = 64  # a job asks with a handful of parameters; whoever seeds each question anew must not fill the memory


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON object: `fields`, then `messages` where there are any; `head` is the fields as they are written."""

    fields: Mapping[str, Any]
    head: bytes
    messages: Sequence[Any] | None = None

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Body:
        return cls(fields, json.dumps(fields).encode())

    @property
    def as_bytes(self) -> bytes:
        if self.messages is None:
            return self.head
        return b'%b, "messages": %b}' % (self.head[:-1], _written(self.messages).encode())

    @property
    def as_dict(self) -> dict[str, Any]:
        return dict(self.fields) if self.messages is None else {**self.fields, "messages": self.messages}


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Parameters:
    """What is asked for, whatever the messages; `can_batch`: the batch route can be asked for it."""

    fields: Mapping[str, Any]
    head: bytes
    can_batch: bool

    def body(self, messages: Sequence[Any]) -> Body:
        """Return the body of one question from its messages, or of many from a list of theirs."""
        return Body(self.fields, self.head, messages)


class ParametersCache:
    """Gives questions whose parameters are equal the same `Parameters`, written once.

    `cache_salt` travels in each: vLLM shares its prefix cache only between questions of one salt.
    """

    def __init__(self, cache_salt: str = "") -> None:
        self._cache_salt = cache_salt
        self._kept: dict[tuple[object, ...], Parameters] = {}
        self._schemas: dict[int, tuple[Mapping[str, Any], str]] = {}

    def parameters_of(self, request: CompletionRequest) -> Parameters:
        key = (
            request.model,
            request.seed,
            request.temperature,
            request.max_tokens,
            request.top_logprobs,
            self._written_schema(request.json_schema),
            json.dumps(request.extra, sort_keys=True) if request.extra else "",
        )
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            fields = _fields(request, self._cache_salt)
            kept = Parameters(fields, json.dumps(fields).encode(), can_batch=request.extra.keys() <= BATCH_FIELDS)
            self._kept[key] = kept
        return kept

    def _written_schema(self, schema: Mapping[str, Any] | None) -> str:
        """A schema is the same object in question after question, and long: it is not written for each."""
        if schema is None:
            return ""
        kept = self._schemas.get(id(schema))
        if kept is not None:
            return kept[1]
        if len(self._schemas) >= MAX_KEPT:
            self._schemas.clear()
        written = json.dumps(schema)
        self._schemas[id(schema)] = (schema, written)  # held, so that no other object gets its id
        return written


def _written(messages: Sequence[Any]) -> str:
    """Return `json.dumps(messages)`, where what all questions of a job begin with is not written for each again."""
    return f"[{', '.join(_message(one) if isinstance(one, Mapping) else _written(one) for one in messages)}]"


def _message(message: Mapping[str, str]) -> str:
    content = message["content"]
    written = _kept(content) if message["role"] == "system" else encode_basestring_ascii(content)
    return f'{{"role": {encode_basestring_ascii(message["role"])}, "content": {written}}}'


_kept = lru_cache(maxsize=MAX_KEPT)(encode_basestring_ascii)


def _fields(request: CompletionRequest, cache_salt: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "model": request.model,
        "seed": request.seed,
        "temperature": request.temperature,
        "max_completion_tokens": request.max_tokens,
    }
    if request.json_schema is not None:
        schema = {"name": "answer", "schema": dict(request.json_schema), "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.top_logprobs:
        fields |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    if cache_salt:
        fields["cache_salt"] = cache_salt
    return {key: value for key, value in {**request.extra, **fields}.items() if key != "messages"}
