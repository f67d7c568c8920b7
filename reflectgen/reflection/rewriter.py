"""The teacher as a rewriter: it is shown an unsafe chunk, and writes what an ablation arm puts in its place.

Its text takes the way of a rationale: the same calls, the same filters, the same place in the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, Field, JsonValue, field_validator

from reflectgen.llm.completion import ChatModel, CompletionRequest
from reflectgen.llm.prompts import load_prompt
from reflectgen.records import NO_NEIGHBOURS, Category, Chunk, Label, Neighbours, Provenance, Reflection, Reply, Verdict
from reflectgen.reflection.parse import UnusableReplyError, read_as, storable
from reflectgen.reflection.passage import fenced_each
from reflectgen.reflection.teacher import provenance_of, seed_of

T = TypeVar("T")

REWRITER = "rewriter"  # the role in its provenance
MAX_CHARACTERS = 1800  # of each text of an answer; filters look no further than 2,000

# Safety Pretraining (arXiv 2504.16980) draws one of twelve for every text, so that not all sound alike.
STYLES = (
    "a page of a school textbook",
    "an entry of an encyclopedia",
    "a teacher's words to a class",
    "two voices of a podcast, told as prose",
    "a column in a newspaper",
    "a doctor's or nurse's advice to the public",
    "a museum's label beside an exhibit",
    "a letter to a younger relative",
    "a historian's lecture",
    "a safety leaflet",
    "a librarian's answer to a reader",
    "a review of a documentary film",
)
SPEAKERS = (("User", "Assistant"), ("Reader", "Editor"), ("Guest", "Host"), ("Student", "Tutor"), ("Sam", "Robin"))


class RewriterOptions(BaseModel, extra="forbid", frozen=True):
    """What decides a rewriter's replies, and so is part of a recipe; `prompt` is one of `prompts/rewrite`."""

    model: str
    prompt: str
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=800, ge=50, le=32_000)
    seed: int = 0
    extra: dict[str, JsonValue] = Field(default_factory=dict)


class _Text(BaseModel, frozen=True):
    text: str

    @field_validator("*")
    @classmethod
    def _said(cls, value: str) -> str:
        if not (said := storable(value).strip()):
            raise ValueError("blank")
        return said

    def written(self, chunk: Chunk) -> str:
        return self.text


class _Dialogue(_Text, frozen=True):
    text: str = "-"
    request: str
    reply: str

    def written(self, chunk: Chunk) -> str:
        asker, asked = _drawn(SPEAKERS, chunk)
        return f"{asker}: {' '.join(self.request.split())}\n{asked}: {' '.join(self.reply.split())}"


class Rewriter:
    """Asks `model` for what is to stand in place of a chunk; it comes as the rationale of an unsafe reflection."""

    def __init__(self, model: ChatModel, options: RewriterOptions) -> None:
        self._model = model
        self._options = options
        self._prompt = load_prompt(options.prompt)
        self._said: type[_Text] = _Dialogue if '"request"' in str(self._prompt.parts) else _Text
        fields = ("request", "reply") if self._said is _Dialogue else ("text",)
        self._schema = {
            "type": "object",
            "properties": {name: {"type": "string", "maxLength": MAX_CHARACTERS} for name in fields},
            "required": list(fields),
            "additionalProperties": False,
        }
        empty = self._prompt.render(**dict.fromkeys(self._prompt.variables, ""))
        self.instructions = "\n\n".join(message["content"] for message in empty).strip()

    @property
    def provenance(self) -> Provenance:
        return provenance_of(REWRITER, self._options, self._prompt.sha256, self._model.endpoint)

    def question(self, chunk: Chunk, attempt: int, group: int = 0) -> CompletionRequest:
        """Return the request about `chunk`; its style follows from its text, so that equal chunks ask the same."""
        texts = fenced_each(passage=chunk.text)
        if "style" in self._prompt.variables:
            texts["style"] = _drawn(STYLES, chunk)
        return CompletionRequest(
            messages=self._prompt.render(**texts),
            model=self._options.model,
            seed=seed_of(self._options.seed, attempt, group),
            temperature=self._options.temperature,
            max_tokens=self._options.max_tokens,
            json_schema=self._schema,
            extra=self._options.extra,
        )

    async def reflect(
        self, chunk: Chunk, label: Label, attempt: int, neighbours: Neighbours = NO_NEIGHBOURS, group: int = 0
    ) -> Reply:
        """Ask for a text in place of `chunk`, whose verdict is known: unsafe.

        Raises:
            TeacherError: it cannot be asked, or not about this chunk.
        """
        request = self.question(chunk, attempt, group)
        completion = await self._model.complete(request)
        kept = storable(completion.text)
        try:
            text = read_as(self._said, completion.text, completion.finish_reason).written(chunk)
        except UnusableReplyError as problem:
            reply = Reply(kept, None, str(problem))
        else:
            category = Category.OTHER if label.category is Category.NONE else label.category
            reply = Reply(kept, Reflection(Verdict.UNSAFE, category, text))
        return replace(
            reply,
            seed=request.seed,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            endpoint=completion.endpoint or self._model.endpoint,
        )

    async def close(self) -> None:
        await self._model.close()


def _drawn(among: Sequence[T], chunk: Chunk) -> T:
    """Return the one that belongs to the chunk's text."""
    digest = hashlib.blake2b(chunk.text.encode("utf-8", "surrogatepass"), digest_size=4, person=b"rewriter").digest()
    return among[int.from_bytes(digest, "big") % len(among)]
