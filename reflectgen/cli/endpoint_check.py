"""What `doctor` finds out about each endpoint of a recipe: what serves there, what it can do, how fast it answers."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pydantic import SecretStr

from reflectgen.cli.finding import Finding
from reflectgen.errors import TeacherError
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import keys_of
from reflectgen.llm.completion import Completion, CompletionRequest
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.llm.features import ServerFeatures
from reflectgen.llm.prompts import load_prompt
from reflectgen.reflection.guards.formats import make_format
from reflectgen.reflection.llm_guard import LLMGuardOptions
from reflectgen.settings import Settings

if TYPE_CHECKING:
    from reflectgen.llm.transport import Transport

ASKED_FOR = {"type": "object", "properties": {"colour": {"type": "string", "enum": ["green", "blue"]}}}
SCHEMA = ASKED_FOR | {"required": ["colour"], "additionalProperties": False}
QUESTION = "Name the colour of grass, as JSON with one field, colour."


async def check_endpoints(file: RecipeFile, settings: Settings) -> AsyncIterator[Finding]:
    """Yield what was found at each endpoint that a role uses, by name."""
    keys = keys_of(file, settings, os.environ)
    for name, options in file.endpoints.items():
        if name in keys and options.transport != "vllm":
            async for finding in _check(name, options, keys[name], _own_form(file, name)):
                yield finding


def _own_form(file: RecipeFile, name: str) -> LLMGuardOptions | None:
    """Return the guard's options where the endpoint is a guard and nothing else, of a form that is no JSON of ours."""
    roles = [role for role, names in file.uses() if name in names]
    guard = file.guard.options("any")
    return guard if roles == ["guard"] and guard.format != "generic" else None


async def _check(
    name: str, options: EndpointOptions, key: SecretStr | None, guard: LLMGuardOptions | None
) -> AsyncIterator[Finding]:
    from reflectgen.llm.transport import open_transport  # the HTTP client is slow to import

    what = f"endpoint {name}"
    try:
        transport = open_transport(options, key)
    except TeacherError as error:
        yield Finding(what, False, str(error))
        return
    try:
        features = await transport.features()
        model = options.model or (features.models[0].name if features.models else "")
        if features.models:
            yield _described(what, transport.endpoint, features, model)
        began = time.perf_counter()
        completion = await _answer(transport, model, guard)
        seconds = time.perf_counter() - began
        if not features.models:  # only now is it known that anything serves there
            yield _described(what, transport.endpoint, features, model)
        answered = f"answered in {seconds * 1000:,.0f} ms"
        if guard is not None:
            yield Finding(what, True, f"{answered}; as {guard.format} it is asked for no JSON")
        elif completion is not None:
            yield _structured(what, completion, answered)
    except TeacherError as error:
        yield Finding(what, False, str(error))
    finally:
        await transport.close()


def _described(what: str, address: str, features: ServerFeatures, model: str) -> Finding:
    served = ", ".join(each.name for each in features.models)
    context = features.max_model_len(model)
    kind = f"vLLM {features.version}".strip() if features.is_vllm else "an OpenAI-compatible server"
    said = [f"{kind} at {address}", f"serves {served or 'no model that it lists'}"]
    said += [f"context {context:,} tokens"] if context else []
    said.append("several questions a call" if features.has_batch else "one question a call")
    said.append("says how busy it is" if features.has_metrics else "does not say how busy it is")
    return Finding(what, True, "; ".join(said))


async def _answer(transport: Transport, model: str, guard: LLMGuardOptions | None) -> Completion | None:
    """Ask what the endpoint will be asked; a guard's own form is looked at when the guard is."""
    if guard is None:
        return await transport.complete(_question(model))
    if guard.format == "classifier":
        await transport.classify([QUESTION], model)
        return None
    prompt = load_prompt(guard.prompt) if guard.prompt else None
    asked = make_format(guard.format, guard.classes).questions(QUESTION, prompt)[0]
    extra = {**guard.extra, **asked.extra}
    return await transport.complete(
        CompletionRequest(asked.messages, model, seed=0, temperature=0.0, max_tokens=guard.max_tokens, extra=extra)
    )


def _question(model: str) -> CompletionRequest:
    message = {"role": "user", "content": QUESTION}
    return CompletionRequest((message,), model, seed=0, temperature=0.0, max_tokens=40, json_schema=SCHEMA)


def _structured(what: str, completion: Completion, answered: str) -> Finding:
    keeps = completion.text.strip().startswith("{") and '"colour"' in completion.text
    if keeps:
        return Finding(what, True, f"{answered} and keeps to a JSON schema")
    return Finding(what, False, f"{answered}, but not by the JSON schema: {completion.text[:60]!r}")
