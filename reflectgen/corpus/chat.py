"""Conversations: a row of chat data becomes a document of the turns that are judged, its messages kept as metadata.

Two shapes are known, told apart row by row, and become one:

    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}     OpenAI
    {"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}         ShareGPT

Judged are what users and the assistant say. What a system or a tool says, and calls of tools, are carried along.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reflectgen.corpus.chunk import Chunker
from reflectgen.corpus.rows import ReadOptions, Rejection, RejectReason, identified, jsonable, kind_of
from reflectgen.records import Document

SEPARATOR = "\x1e"  # between the turns of a document; Unicode calls it white space, and what Python strips

ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "model", "bot"), "assistant"),
    **dict.fromkeys(("tool", "function", "observation", "function_response", "ipython"), "tool"),
    "function_call": "tool_call",
}
_SHAPES = (("messages", "openai"), ("conversations", "sharegpt"))
_READ = ("role", "from", "content", "value")
_CALLS = ("tool_calls", "function_call")

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that is judged: its message's place in the conversation, and its place in the document."""

    message: int
    role: str
    start: int
    end: int


def conversation_from(row: Mapping[str, Any], options: ReadOptions) -> Document | Rejection:
    """Make a document of a row's conversation; its metadata hold `messages`, `shape` and the row's other `fields`."""
    field, shape = next(((f, s) for f, s in _SHAPES if row.get(f) is not None), ("", ""))
    if not field:
        seen = ", ".join(str(key)[:30] for key in list(row)[:5])
        return Rejection(RejectReason.NO_TURNS, f"no field messages or conversations; it has {seen or 'no fields'}")
    given = row[field]
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        return Rejection(RejectReason.NO_TURNS, f"field {field!r} is {kind_of(given)}, and holds no turn")
    messages: list[Message] = []
    for number, turn in enumerate(given):
        message = _message(turn)
        if isinstance(message, str):
            return Rejection(RejectReason.BAD_TURN, f"turn {number}: {message}")
        messages.append(message)
    if not any(map(is_answer, messages)):
        return Rejection(RejectReason.NO_ANSWER, f"{len(messages)} turns, none of them the assistant's")
    text = SEPARATOR.join(messages[turn.message]["content"] for turn in turns_of(messages))
    others = {key: value for key, value in row.items() if key not in (field, options.id_field)}
    try:
        whole = json.dumps(messages, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return Rejection(RejectReason.UNDECODABLE, "a lone surrogate in a turn")
    if len(whole) > options.max_document_bytes:
        return Rejection(RejectReason.TOO_LARGE, f"{len(whole)} bytes, the limit is {options.max_document_bytes}")
    named = {options.id_field: row.get(options.id_field), "messages": messages, "shape": shape, "fields": others}
    return identified(named, text, whole, options)


def turns_of(messages: Sequence[Message]) -> list[Turn]:
    """Return the turns that are judged, in order: those of users and the assistant that say anything."""
    turns, done = [], 0
    for number, message in enumerate(messages):
        if message["role"] in ("user", "assistant") and message["content"].strip() and not is_call(message):
            length = len(message["content"])
            turns.append(Turn(number, message["role"], done, done + length))
            done += length + len(SEPARATOR)
    return turns


def is_answer(message: Message) -> bool:
    """Whether it is what the assistant says, be it nothing."""
    return message["role"] == "assistant" and not is_call(message)


def is_call(message: Message) -> bool:
    """Whether the assistant calls a tool."""
    return bool(message.get("is_call"))


class TurnChunker:
    """Cuts as another chunker does, and wherever a turn ends, so that no chunk is part of two."""

    def __init__(self, within: Chunker) -> None:
        self._within = within

    @property
    def name(self) -> str:
        return f"{self._within.name}-in-turns"

    @property
    def version(self) -> str:
        return self._within.version

    def ends(self, text: str) -> list[int]:
        return list(self._ends(text))

    def _ends(self, text: str) -> Iterator[int]:
        start = 0
        while start < len(text):
            found = text.find(SEPARATOR, start)
            end = len(text) if found < 0 else found
            ends = [start + end for end in self._within.ends(text[start:end])]
            start = end if found < 0 else found + len(SEPARATOR)
            yield from (*ends[:-1], start)


def _message(turn: object) -> Message | str:
    """Return a turn as a message, or what is wrong with it."""
    if not isinstance(turn, Mapping):
        return f"it is {kind_of(turn)}, not an object"
    named = turn.get("role", turn.get("from"))
    role = ROLES.get(named.lower()) if isinstance(named, str) else None
    if role is None:
        return f"its role is {str(named)[:40]!r}"
    others = {key: jsonable(value) for key, value in turn.items() if key not in _READ and value is not None}
    if role == "tool_call" or (role == "assistant" and any(others.get(call) for call in _CALLS)):
        others["is_call"], role = True, "assistant"
    content = _words(turn.get("content", turn.get("value")))
    if content is None:
        return f"its content is {kind_of(turn.get('content', turn.get('value')))}, not text"
    if not content and role == "user":
        return "a user says nothing"
    return {"role": role, "content": content, **others}


def _words(content: object) -> str | None:
    """Return the text of a content, which may come in parts; None where it is anything but text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return None
    parts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type", "text") == "text"]
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(content) else None
