"""A guard that a model behind an endpoint is: any instruction model, or one made for it, in its own format."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue, model_validator

from reflectgen.errors import RequestRejected
from reflectgen.llm.answers import one_line
from reflectgen.llm.completion import ChatModel, Completion, CompletionRequest
from reflectgen.llm.prompts import load_prompt
from reflectgen.records import Category, Chunk, Label, Provenance, Verdict
from reflectgen.reflection.guards.formats import PROMPTS, FormatName, make_format
from reflectgen.reflection.guards.guard_format import Question
from reflectgen.reflection.parse import UnusableReplyError
from reflectgen.reflection.roles import Guard
from reflectgen.reflection.teacher import provenance_of, seed_of

LABEL_TRIES = 3
TEMPERATURE_OF_LATER_TRIES = 0.7  # at 0 another seed would give the same answer again
UNPARSABLE, REJECTED = "unparsable:", "rejected:"  # begin the native form of a label that the fallback made
NUM_ALTERNATIVES = 5  # some servers give no more


def _prompt_of(given: dict[str, Any]) -> str:
    return PROMPTS.get(given.get("format", ""), "")


class LLMGuardOptions(BaseModel, extra="forbid", frozen=True):
    """What decides a guard's labels, and so is part of a recipe.

    `controversial`: kept, or counted as unsafe (`strict`) or as safe (`loose`). `prompt` is empty for models whose chat
    template holds their instruction. `classes` are what the classes of a classifier mean, by number.
    """

    model: str
    format: FormatName = "generic"
    prompt: str = Field(default_factory=_prompt_of)
    controversial: Literal["keep", "strict", "loose"] = "keep"
    classes: tuple[str, ...] = ()
    temperature: float = Field(default=0.0, ge=0, le=2)  # of the first try
    max_tokens: int = Field(default=60, ge=1, le=32_000)
    seed: int = 0
    extra: dict[str, JsonValue] = Field(default_factory=dict)  # merged into every request's body

    @model_validator(mode="after")
    def _prompt_is_the_formats(self) -> LLMGuardOptions:
        if bool(self.prompt) != (self.format in PROMPTS):
            needs = "needs a prompt" if self.format in PROMPTS else "has no prompt of ours: its model's template is one"
            raise ValueError(f"the format {self.format} {needs}")
        if self.classes and self.format != "classifier":
            raise ValueError("classes are for the format classifier")
        return self


class LLMGuard:
    """Labels chunks by asking `model`; what it cannot label, `fallback` does, and the label's native form says so.

    Three replies without a label, or a request that the server rejects, count as such: no chunk stays without a label.

    Raises:
        RecipeError: the options name classes that mean nothing.
        PromptError: there is no such prompt.
    """

    def __init__(self, model: ChatModel, options: LLMGuardOptions, fallback: Guard) -> None:
        self._model = model
        self._options = options
        self._fallback = fallback
        self._format = make_format(options.format, options.classes)
        self._prompt = load_prompt(options.prompt) if options.prompt else None

    @property
    def provenance(self) -> Provenance:
        sha256 = self._prompt.sha256 if self._prompt else ""
        return provenance_of("guard", self._options, sha256, self._model.endpoint)

    @property
    def num_questions(self) -> int:
        """How many questions it asks about a chunk."""
        return len(self._format.questions("", self._prompt))

    def question_characters(self, chunk: Chunk) -> int:
        """Return the characters of all that it asks about `chunk`."""
        questions = self._format.questions(chunk.text, self._prompt)
        return sum(len(message["content"]) for question in questions for message in question.messages)

    async def label(self, chunks: Sequence[Chunk]) -> list[Label]:
        """Return one label a chunk, in order. All are asked for at once; the endpoint bounds how many are in flight.

        Raises:
            TeacherError: the guard cannot be asked.
            RecipeError: a classifier has other classes than the recipe says.
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
        questions = self._format.questions(chunk.text, self._prompt)
        answers: list[Completion] = []
        seen = ""
        for attempt in range(LABEL_TRIES):
            try:
                completions = [await self._ask(question, attempt) for question in questions]
            except RequestRejected as error:
                return _costing(await self._label_anyway(chunk, f"{REJECTED} {error}"), answers)
            answers += completions
            try:
                return _costing(self._read(self._format.read(completions)), answers)
            except UnusableReplyError:
                seen = " / ".join(completion.text for completion in completions)
        return _costing(await self._label_anyway(chunk, f"{UNPARSABLE} {seen}"), answers)

    def _read(self, label: Label) -> Label:
        """Return the label as the recipe reads it; the native one stays."""
        if label.verdict is not Verdict.CONTROVERSIAL or self._options.controversial == "keep":
            return label
        if self._options.controversial == "strict":
            return replace(label, verdict=Verdict.UNSAFE)
        return replace(label, verdict=Verdict.SAFE, category=Category.NONE)

    async def _ask(self, question: Question, attempt: int) -> Completion:
        options = self._options
        return await self._model.complete(
            CompletionRequest(
                messages=question.messages,
                model=options.model,
                seed=seed_of(options.seed, attempt),
                temperature=max(options.temperature, TEMPERATURE_OF_LATER_TRIES) if attempt else options.temperature,
                max_tokens=options.max_tokens,
                json_schema=question.json_schema,
                top_logprobs=NUM_ALTERNATIVES,
                extra={**options.extra, **question.extra},
            )
        )

    async def _label_anyway(self, chunk: Chunk, why: str) -> Label:
        (label,) = await self._fallback.label([chunk])
        return replace(label, native=one_line(why, 120))


def _costing(label: Label, answers: Sequence[Completion]) -> Label:
    """Return the label with what all its calls cost, and who answered last."""
    return replace(
        label,
        prompt_tokens=sum(answer.prompt_tokens for answer in answers),
        completion_tokens=sum(answer.completion_tokens for answer in answers),
        endpoint=answers[-1].endpoint if answers else "",
    )
