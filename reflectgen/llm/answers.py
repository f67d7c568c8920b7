"""Reading what a server sent: it may be hostile, broken, or something else altogether."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from reflectgen.llm.completion import Completion, TokenChances

Count = Annotated[int, Field(ge=0, le=10**9)]
MAX_WORDS_CHARACTERS = 200


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Alternative(BaseModel):
    token: str
    logprob: float


class _Token(BaseModel):
    token: str
    top_logprobs: list[_Alternative] = Field(default_factory=list)


class _Logprobs(BaseModel):
    content: list[_Token] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(BaseModel):
    prompt_tokens: Count = 0
    completion_tokens: Count | None = None


class _Answer(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    model: str = ""
    usage: _Usage | None = None


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


class _Error(BaseModel):
    message: str


class _Refused(BaseModel):
    """Servers put their words at `error.message`, at `message`, at `detail`, or at `error` itself."""

    error: _Error | str | None = None
    message: str | None = None
    detail: str | None = None


def completion_in(body: bytes) -> Completion | None:
    """Return the completion that `body` is, or None where it is anything else."""
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError:
        return None
    choice, usage = answer.choices[0], answer.usage or _Usage()
    tokens = (choice.logprobs.content if choice.logprobs else None) or []
    return Completion(
        text=choice.message.content or choice.message.refusal or "",
        finish_reason=choice.finish_reason or "",
        model=one_line(answer.model),
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens or 0,
        chances=tuple(TokenChances(t.token, tuple((a.token, a.logprob) for a in t.top_logprobs)) for t in tokens),
    )


def models_in(body: bytes) -> list[str] | None:
    """Return the names of the models that `body` lists, or None where it lists none."""
    try:
        return [one_line(model.id) for model in _Models.model_validate_json(body).data]
    except ValidationError:
        return None


def words_in(body: bytes) -> str:
    """Return what a refusing server said, on one short line; empty where it said nothing."""
    try:
        refused = _Refused.model_validate_json(body)
    except ValidationError:
        return one_line(body.decode("utf-8", "replace"))
    said = refused.error.message if isinstance(refused.error, _Error) else refused.error
    return one_line(said or refused.message or refused.detail or body.decode("utf-8", "replace"))


def one_line(text: str, max_characters: int = MAX_WORDS_CHARACTERS) -> str:
    """Return `text` on one line, without control characters (a terminal obeys some), cut at `max_characters`."""
    text = text[: 10 * max_characters]
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    line = re.sub(" +", " ", kept).strip()
    return line if len(line) <= max_characters else line[: max_characters - 1] + "…"
