"""A guard that any instruction model behind an OpenAI-compatible endpoint can be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from reflectgen.errors import RequestRejected
from reflectgen.llm.answers import one_line
from reflectgen.llm.completion import ChatModel, Completion, CompletionRequest
from reflectgen.llm.prompts import load_prompt
from reflectgen.records import Category, Chunk, Label, Provenance, Verdict
from reflectgen.reflection.parse import Judged, UnusableReplyError, read_as
from reflectgen.reflection.passage import fenced
from reflectgen.reflection.roles import Guard
from reflectgen.reflection.teacher import provenance_of, seed_of
from reflectgen.reflection.verdict_score import verdict_score

LABEL_TRIES = 3
TEMPERATURE_OF_LATER_TRIES = 0.7  # at 0 another seed would give the same answer again
NUM_ALTERNATIVES = 5  # some servers give no more

LABEL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": [verdict.value for verdict in Verdict]},
        "category": {"type": "string", "enum": [category.value for category in Category]},
    },
    "required": ["verdict", "category"],
    "additionalProperties": False,
}


class LLMGuardOptions(BaseModel, extra="forbid", frozen=True):
    """What decides a guard's labels, and so is part of a recipe."""

    model: str
    prompt: str = "guard/generic"
    temperature: float = Field(default=0.0, ge=0, le=2)  # of the first try
    max_tokens: int = Field(default=60, ge=20, le=32_000)
    seed: int = 0
    extra: dict[str, JsonValue] = Field(default_factory=dict)  # merged into every request's body


class LLMGuard:
    """Labels chunks by asking `model`; what it cannot label, `fallback` does, and the label's native form says so.

    Three replies without a label, or a request that the server rejects, count as such: no chunk stays without a label.
    """

    def __init__(self, model: ChatModel, options: LLMGuardOptions, fallback: Guard) -> None:
        self._model = model
        self._options = options
        self._fallback = fallback
        self._prompt = load_prompt(options.prompt)

    @property
    def provenance(self) -> Provenance:
        return provenance_of("guard", self._options, self._prompt.sha256, self._model.endpoint)

    async def label(self, chunks: Sequence[Chunk]) -> list[Label]:
        """Return one label a chunk, in order. All are asked for at once; the endpoint bounds how many are in flight.

        Raises:
            TeacherError: the guard cannot be asked.
        """
        asked = [asyncio.ensure_future(self._label_one(chunk)) for chunk in chunks]
        try:
            return await asyncio.gather(*asked)
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def close(self) -> None:
        await self._model.close()
        await self._fallback.close()

    async def _label_one(self, chunk: Chunk) -> Label:
        seen = ""
        for attempt in range(LABEL_TRIES):
            try:
                completion = await self._ask(chunk, attempt)
            except RequestRejected as error:
                return await self._label_anyway(chunk, f"rejected: {error}")
            try:
                said = read_as(Judged, completion.text, completion.finish_reason)
            except UnusableReplyError:
                seen = completion.text
                continue
            native = f"{said.verdict}, {said.category}"
            return Label(said.verdict, _agreeing(said), verdict_score(completion, said.verdict), native)
        return await self._label_anyway(chunk, f"unparsable: {seen}")

    async def _ask(self, chunk: Chunk, attempt: int) -> Completion:
        options = self._options
        return await self._model.complete(
            CompletionRequest(
                messages=self._prompt.render(passage=fenced(chunk.text)),
                model=options.model,
                seed=seed_of(options.seed, attempt),
                temperature=max(options.temperature, TEMPERATURE_OF_LATER_TRIES) if attempt else options.temperature,
                max_tokens=options.max_tokens,
                json_schema=LABEL_SCHEMA,
                top_logprobs=NUM_ALTERNATIVES,
                extra=options.extra,
            )
        )

    async def _label_anyway(self, chunk: Chunk, why: str) -> Label:
        (label,) = await self._fallback.label([chunk])
        return Label(label.verdict, label.category, label.score, one_line(why, 120), label.words)


def _agreeing(said: Judged) -> Category:
    """Return the category that agrees with the verdict, which decides: a label is woven in where nothing better is."""
    if said.verdict is Verdict.SAFE:
        return Category.NONE
    return Category.OTHER if said.category is Category.NONE else said.category
