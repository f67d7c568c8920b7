"""Reading what a server sent: it may be hostile, broken, or something else altogether."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from reflectgen.llm.completion import ClassScores, Completion, ServedModel, TokenChances

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
    index: int = 0
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
    max_model_len: Count | None = None
    owned_by: str | None = None


class _Models(BaseModel):
    data: list[_Model]


class _Version(BaseModel):
    version: str


class _Tokens(BaseModel):
    count: Count


class _Classified(BaseModel):
    index: int
    label: str | None = None
    probs: list[Annotated[float, Field(ge=0, le=1.001)]] = Field(min_length=1)  # 1.0 in half precision is not exact


class _Classes(BaseModel):
    data: list[_Classified]


class _Error(BaseModel):
    message: str


class _Refused(BaseModel):
    """Servers put their words at `error.message`, at `message`, at `detail`, or at `error` itself."""

    error: _Error | str | None = None
    message: str | None = None
    detail: str | None = None


def completion_in(body: bytes, endpoint: str = "") -> Completion | None:
    """Return the completion that `body` is, or None where it is anything else."""
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError:
        return None
    usage = answer.usage or _Usage()
    return _completion(answer, answer.choices[0], usage.prompt_tokens, usage.completion_tokens or 0, endpoint)


def completions_in(body: bytes, num_characters: Sequence[int], endpoint: str = "") -> list[Completion | None] | None:
    """Return the completions of a batch by the index that each names; None for each that is missing or there twice.

    `num_characters` are those of each question. A server counts the tokens of the whole batch: prompt tokens are shared
    out in proportion to characters asked, completion tokens to characters answered, so that the sums stay exact.
    Returns None where `body` is no batch of completions.
    """
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError:
        return None
    times = Counter(choice.index for choice in answer.choices)
    found = {c.index: c for c in answer.choices if 0 <= c.index < len(num_characters) and times[c.index] == 1}
    usage = answer.usage or _Usage()
    prompt_tokens = share_out(usage.prompt_tokens, [num_characters[index] for index in found])
    completion_tokens = share_out(usage.completion_tokens or 0, [len(_text(choice)) for choice in found.values()])
    completions: list[Completion | None] = [None] * len(num_characters)
    for (index, choice), asked, answered in zip(found.items(), prompt_tokens, completion_tokens, strict=True):
        completions[index] = _completion(answer, choice, asked, answered, endpoint)
    return completions


def share_out(total: int, weights: Sequence[int]) -> list[int]:
    """Share `total` out in proportion to `weights`, in whole numbers whose sum is `total`; evenly where all are 0."""
    weights = weights if any(weights) else [1] * len(weights)
    sum_of_weights, so_far, given, shares = sum(weights), 0, 0, []
    for weight in weights:
        so_far += weight
        upto = total * so_far // sum_of_weights
        shares.append(upto - given)
        given = upto
    return shares


def models_in(body: bytes) -> list[ServedModel] | None:
    """Return the models that `body` lists, or None where it is no list of models."""
    try:
        models = _Models.model_validate_json(body).data
    except ValidationError:
        return None
    return [ServedModel(one_line(m.id), m.max_model_len or None, one_line(m.owned_by or "", 60)) for m in models]


def version_in(body: bytes) -> str | None:
    """Return the version that `body`, the answer of vLLM's `GET /version`, names."""
    try:
        return one_line(_Version.model_validate_json(body).version, 60)
    except ValidationError:
        return None


def tokens_in(body: bytes) -> int | None:
    """Return the number of tokens that `body`, the answer of vLLM's `POST /tokenize`, names."""
    try:
        return _Tokens.model_validate_json(body).count
    except ValidationError:
        return None


def classes_in(body: bytes, num_texts: int) -> list[ClassScores] | None:
    """Return the classes of `num_texts` texts, in order, from the answer of vLLM's `POST /classify`.

    Returns None where it is anything else, or one of the texts is missing.
    """
    try:
        rows = _Classes.model_validate_json(body).data
    except ValidationError:
        return None
    by_index = {row.index: row for row in rows}
    if len(rows) != num_texts or by_index.keys() != set(range(num_texts)):
        return None
    ordered = [by_index[index] for index in range(num_texts)]
    return [ClassScores(one_line(row.label or ""), tuple(min(p, 1.0) for p in row.probs)) for row in ordered]


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
    if len(text) <= max_characters and text.isascii() and text.isprintable() and " " not in text:
        return text  # a model's name, in every reply
    text = text[: 10 * max_characters]
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    line = re.sub(" +", " ", kept).strip()
    return line if len(line) <= max_characters else line[: max_characters - 1] + "…"


def _completion(
    answer: _Answer, choice: _Choice, prompt_tokens: int, completion_tokens: int, endpoint: str
) -> Completion:
    tokens = (choice.logprobs.content if choice.logprobs else None) or []
    return Completion(
        text=_text(choice),
        finish_reason=choice.finish_reason or "",
        model=one_line(answer.model),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        chances=tuple(TokenChances(t.token, tuple((a.token, a.logprob) for a in t.top_logprobs)) for t in tokens),
        endpoint=endpoint,
    )


def _text(choice: _Choice) -> str:
    return choice.message.content or choice.message.refusal or ""
