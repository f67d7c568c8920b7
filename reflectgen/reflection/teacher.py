"""The teacher behind an OpenAI-compatible endpoint: one chunk, one question, one reply."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, Field, JsonValue

import reflectgen
from reflectgen.llm.completion import ChatModel, CompletionRequest
from reflectgen.llm.prompts import load_prompt
from reflectgen.records import NO_NEIGHBOURS, Category, Chunk, Label, Neighbours, Provenance, Reply, Verdict
from reflectgen.reflection.parse import parse_reply
from reflectgen.reflection.passage import fenced

# The order is the order of writing: the quote first, so that the verdict can rest on it, and the rationale on both.
REFLECTION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "evidence": {"type": "string", "maxLength": 200},
        "verdict": {"type": "string", "enum": [verdict.value for verdict in Verdict]},
        "category": {"type": "string", "enum": [category.value for category in Category]},
        "rationale": {"type": "string", "maxLength": 300},
    },
    "required": ["evidence", "verdict", "category", "rationale"],
    "additionalProperties": False,
}


class TeacherOptions(BaseModel, extra="forbid", frozen=True):
    """What decides a teacher's replies, and so is part of a recipe; `EndpointOptions` say where and how hard to ask."""

    model: str
    prompt: str = "reflection/contextual"
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=400, ge=50, le=32_000)  # of a reply; about 120 are used in English
    seed: int = 0
    extra: dict[str, JsonValue] = Field(default_factory=dict)  # merged into every request's body


class OpenAITeacher:
    """Asks `model` for a contextual reflection on one chunk at a time.

    The guard's label is not shown to it: where both agree, that must mean something.
    """

    def __init__(self, model: ChatModel, options: TeacherOptions) -> None:
        self._model = model
        self._options = options
        self._prompt = load_prompt(options.prompt)

    @property
    def provenance(self) -> Provenance:
        return provenance_of("teacher", self._options, self._prompt.sha256, self._model.endpoint)

    async def reflect(self, chunk: Chunk, label: Label, attempt: int, neighbours: Neighbours = NO_NEIGHBOURS) -> Reply:
        """Ask about `chunk`; every `attempt` has its own seed.

        Raises:
            RequestRejected: this chunk will get no reply, others may.
            TeacherError: the teacher cannot be asked.
        """
        options = self._options
        seed = seed_of(options.seed, attempt)
        completion = await self._model.complete(
            CompletionRequest(
                messages=self._prompt.render(passage=fenced(chunk.text)),
                model=options.model,
                seed=seed,
                temperature=options.temperature,
                max_tokens=options.max_tokens,
                json_schema=REFLECTION_SCHEMA,
                extra=options.extra,
            )
        )
        return replace(
            parse_reply(completion.text, completion.finish_reason),
            seed=seed,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            endpoint=completion.endpoint or self._model.endpoint,
        )

    async def close(self) -> None:
        await self._model.close()


def seed_of(recipe_seed: int, attempt: int) -> int:
    """Return the seed of one question, 0 to 2**31 - 1.

    It is the same for every chunk: questions of one attempt can share a batch, and equal chunks are one question.
    """
    named = json.dumps([recipe_seed, attempt])
    return int.from_bytes(hashlib.blake2b(named.encode(), digest_size=4).digest(), "big") >> 1


def provenance_of(role: str, options: BaseModel, prompt_sha256: str, endpoint: str) -> Provenance:
    """Return who writes, from the options of a role: all that are not the model or the prompt count as sampling."""
    sampling = options.model_dump(mode="json", exclude={"model", "prompt", "extra"})
    named = options.model_dump(mode="json", include={"model", "prompt", "extra"})
    if named["extra"]:
        sampling["extra"] = json.dumps(named["extra"], sort_keys=True)
    return Provenance(
        role=role,
        model=named["model"],
        prompt=named["prompt"],
        prompt_sha256=prompt_sha256,
        sampling=sampling,
        endpoint=endpoint,
        code_version=reflectgen.__version__,
    )
