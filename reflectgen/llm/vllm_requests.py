"""Between our requests and vLLM's own objects, for an engine in this process. Nothing of vLLM is imported here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from reflectgen.errors import RequestRejected, TeacherUnavailable
from reflectgen.llm.completion import Completion, CompletionRequest, TokenChances

# What a request may say in `extra` beside these two, as it would over HTTP; anything else the server would ignore in
# silence, and a recipe would say what is not so.
SAMPLING = frozenset(
    {"bad_words", "frequency_penalty", "min_p", "min_tokens", "presence_penalty", "repetition_penalty", "stop", "top_k"}
    | {"stop_token_ids", "top_p"}
)
CHAT_TEMPLATE, CACHE_SALT = "chat_template_kwargs", "cache_salt"


class Tokenizer(Protocol):
    """What is used of a model's tokenizer."""

    def apply_chat_template(self, messages: list[dict[str, str]], **options: Any) -> str | list[int]: ...

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]: ...


def sampling_of(request: CompletionRequest) -> dict[str, Any]:
    """Return the arguments of vLLM's `SamplingParams`, all but the JSON schema.

    Raises:
        RequestRejected: `extra` holds what an engine knows nothing of.
    """
    extra = {name: value for name, value in request.extra.items() if name not in (CHAT_TEMPLATE, CACHE_SALT)}
    if unknown := sorted(extra.keys() - SAMPLING):
        raise RequestRejected(f"an engine in this process knows no {', '.join(unknown)}: leave it out of `extra`")
    return {
        **extra,
        "seed": request.seed,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "logprobs": request.top_logprobs or None,
    }


def prompt_of(request: CompletionRequest, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the request's messages as vLLM takes a prompt that needs no more reading: as tokens.

    Raises:
        RequestRejected: the model's chat template does not take them.
    """
    messages = [dict(message) for message in request.messages]
    options = dict(request.extra.get(CHAT_TEMPLATE) or {})
    try:
        written = tokenizer.apply_chat_template(messages, **options, add_generation_prompt=True, tokenize=False)
    except Exception as error:  # a template is a program of the model's, and may raise anything
        raise RequestRejected(f"the model's chat template does not take the messages: {error}") from error
    # The template has written the special tokens already.
    tokens = tokenizer.encode(written, add_special_tokens=False) if isinstance(written, str) else list(written)
    prompt: dict[str, Any] = {"type": "token", "prompt_token_ids": tokens}
    if salt := request.extra.get(CACHE_SALT):
        prompt["cache_salt"] = salt
    return prompt


def completion_of(output: Any, request: CompletionRequest, model: str) -> Completion:
    """Return the completion that vLLM's finished `RequestOutput` is.

    Raises:
        TeacherUnavailable: the engine gave the request up.
    """
    answer = output.outputs[0]
    if answer.finish_reason not in ("stop", "length"):
        raise TeacherUnavailable(f"the engine of {model} gave a request up ({answer.finish_reason})")
    return Completion(
        text=answer.text,
        finish_reason=answer.finish_reason,
        model=model,
        prompt_tokens=len(output.prompt_token_ids or ()),
        completion_tokens=len(answer.token_ids),
        chances=tuple(_chances(answer.token_ids, answer.logprobs or (), request.top_logprobs)),
    )


def _chances(tokens: Iterable[int], positions: Iterable[Mapping[int, Any]], most: int) -> Iterable[TokenChances]:
    """Each position maps tokens to their log-probability; the token taken is there even where it was unlikely."""
    for token, position in zip(tokens, positions, strict=False):
        likeliest = sorted(position.values(), key=lambda chance: -chance.logprob)[:most]
        alternatives = tuple((chance.decoded_token or "", chance.logprob) for chance in likeliest)
        yield TokenChances(position[token].decoded_token or "", alternatives)
