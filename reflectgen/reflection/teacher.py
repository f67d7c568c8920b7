"""The teacher behind an OpenAI-compatible endpoint: one chunk, one question, one reply."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, Field, JsonValue

import reflectgen
from reflectgen.errors import PromptError, RequestRejected
from reflectgen.llm.completion import ChatModel, CompletionRequest
from reflectgen.llm.prompts import Prompt, load_prompt
from reflectgen.records import NO_NEIGHBOURS, Category, Chunk, Label, Neighbours, Provenance, Reply, Verdict
from reflectgen.reflection.parse import Hinted, Reflected, parse_reply
from reflectgen.reflection.passage import fenced_each

_VERDICT = {"type": "string", "enum": [verdict.value for verdict in Verdict]}
_CATEGORY = {"type": "string", "enum": [category.value for category in Category]}


def _schema(**properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with exactly these fields; their order is the order of writing."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


# The quote first, so that the verdict can rest on it, and the rationale on both.
REFLECTION_SCHEMA = _schema(
    evidence={"type": "string", "maxLength": 200},
    verdict=_VERDICT,
    category=_CATEGORY,
    rationale={"type": "string", "maxLength": 300},
)
HINT_SCHEMA = _schema(verdict=_VERDICT, category=_CATEGORY, hint={"type": "string", "maxLength": 200})


@dataclass(frozen=True, slots=True)
class AnswerKind:
    """What a prompt asks for: the schema of the answer, and what reads it."""

    name: str
    schema: Mapping[str, Any]
    said: type[Reflected | Hinted]


CONTEXTUAL = AnswerKind("contextual", REFLECTION_SCHEMA, Reflected)
HINT = AnswerKind("hint", HINT_SCHEMA, Hinted)


class TeacherOptions(BaseModel, extra="forbid", frozen=True):
    """What decides a teacher's replies, and so is part of a recipe; `EndpointOptions` say where and how hard to ask.

    With `neighbours`, the prompt `<prompt>_neighbours` is taken, unless `prompt` itself has a place for them.
    """

    model: str
    prompt: str = "reflection/contextual"
    neighbours: bool = False  # show the chunks before and after to the teacher
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=400, ge=50, le=32_000)  # of a reply; about 120 are used in English
    seed: int = 0
    extra: dict[str, JsonValue] = Field(default_factory=dict)  # merged into every request's body


class OpenAITeacher:
    """Asks `model` about one chunk at a time: for a contextual reflection, or for a hint (SRP-Hint).

    The prompt decides which, and whether the neighbours are shown. The guard's label never is: where both agree, that
    must mean something.

    Raises:
        PromptError: there is no such prompt, or it asks for neither kind of answer.
    """

    def __init__(self, model: ChatModel, options: TeacherOptions) -> None:
        self._model = model
        self._prompt = _prompt_of(options)
        self._texts = self._prompt.variables
        # What is asked, whichever way the recipe says it, so that the same questions have the same provenance.
        shown = {"prompt": self._prompt.name, "neighbours": self.wants_neighbours}
        self._options = options.model_copy(update=shown)
        self._kind = answer_kind(self._prompt)
        empty = self._prompt.render(**dict.fromkeys(self._texts, ""))
        self._instructions = "\n\n".join(message["content"] for message in empty).strip()

    @property
    def provenance(self) -> Provenance:
        return provenance_of("teacher", self._options, self._prompt.sha256, self._model.endpoint)

    @property
    def wants_neighbours(self) -> bool:
        """Whether the neighbours that `reflect` is given go into the question."""
        return _shows_neighbours(self._prompt)

    @property
    def instructions(self) -> str:
        """What is the same in every question, for filters that look for it in an answer."""
        return self._instructions

    @property
    def bridges(self) -> bool:
        """Whether it writes hints, which need a next chunk to lead to: a document's last one has only the template."""
        return self._kind is HINT

    def question(
        self, chunk: Chunk, attempt: int, neighbours: Neighbours = NO_NEIGHBOURS, group: int = 0
    ) -> CompletionRequest:
        """Return the request about `chunk`; its seed follows from `attempt` and `group`."""
        options = self._options
        texts = {"before": neighbours.before, "after": neighbours.after, "passage": chunk.text}
        shown = {name: text for name, text in texts.items() if name in self._texts}
        return CompletionRequest(
            messages=self._prompt.render(**fenced_each(**shown)),
            model=options.model,
            seed=seed_of(options.seed, attempt, group),
            temperature=options.temperature,
            max_tokens=options.max_tokens,
            json_schema=self._kind.schema,
            extra=options.extra,
        )

    async def reflect(
        self, chunk: Chunk, label: Label, attempt: int, neighbours: Neighbours = NO_NEIGHBOURS, group: int = 0
    ) -> Reply:
        """Ask about `chunk`; every `attempt` has its own seed. A hint is the reflection's rationale.

        Raises:
            RequestRejected: this chunk will get no reply, others may; so too where a hint has nothing to lead to.
            TeacherError: the teacher cannot be asked.
        """
        if self.bridges and not neighbours.after.strip():
            raise RequestRejected("no chunk follows that a hint could lead to")
        request = self.question(chunk, attempt, neighbours, group)
        completion = await self._model.complete(request)
        return replace(
            parse_reply(completion.text, completion.finish_reason, self._kind.said),
            seed=request.seed,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            endpoint=completion.endpoint or self._model.endpoint,
        )

    async def close(self) -> None:
        await self._model.close()


def answer_kind(prompt: Prompt) -> AnswerKind:
    """Return the kind of answer that a prompt asks for: the one all of whose fields it names in double quotes.

    Raises:
        PromptError: there is none, the passage has no place, or there is a variable that nobody fills in.
    """
    written = "\n".join(text for _, text in prompt.parts)
    if "passage" not in prompt.variables:
        raise PromptError(f"prompt {prompt.name!r} has no place for the chunk; write {{{{ passage }}}} in it")
    if unknown := prompt.variables - {"passage", "before", "after"}:
        raise PromptError(f"prompt {prompt.name!r} has variables that a teacher does not know: {', '.join(unknown)}")
    for kind in (CONTEXTUAL, HINT):
        if all(f'"{name}"' in written for name in kind.schema["properties"]):
            return kind
    fields = " or ".join(", ".join(f'"{name}"' for name in kind.schema["properties"]) for kind in (CONTEXTUAL, HINT))
    raise PromptError(f"prompt {prompt.name!r} does not ask for the fields of an answer; it must name {fields}")


def _prompt_of(options: TeacherOptions) -> Prompt:
    prompt = load_prompt(options.prompt)
    if options.neighbours and not _shows_neighbours(prompt):
        return load_prompt(f"{options.prompt}_neighbours")
    return prompt


def _shows_neighbours(prompt: Prompt) -> bool:
    return not prompt.variables.isdisjoint(("before", "after"))


@lru_cache(maxsize=64)  # neighbouring chunks share it
def seed_of(recipe_seed: int, attempt: int, group: int = 0) -> int:
    """Return the seed of one question, 0 to 2**31 - 1.

    It depends on no chunk and no order of asking. Questions of one attempt and group share it, and with it a call,
    which has one seed. Other groups have others: one seed for a whole corpus would make for the same turns of phrase.
    """
    named = json.dumps([recipe_seed, attempt, group])
    return int.from_bytes(hashlib.blake2b(named.encode(), digest_size=4).digest(), "big") >> 1


def provenance_of(role: str, options: BaseModel, prompt_sha256: str, endpoint: str) -> Provenance:
    """Return who writes, from the options of a role: all that are not the model or the prompt count as sampling."""
    others = options.model_dump(mode="json", exclude={"model", "prompt", "extra"})
    sampling = {name: ", ".join(value) if isinstance(value, list) else value for name, value in others.items()}
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
