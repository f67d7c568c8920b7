"""What a person submits to the service: a corpus, a recipe by name or written out, and what goes with it."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from reflectgen.corpus.chunk import ChunkOptions
from reflectgen.corpus.read import ReadOptions
from reflectgen.errors import RecipeError
from reflectgen.export.formats import Format
from reflectgen.jobs.budget import Limits
from reflectgen.jobs.registry import RecipeSections, Registry
from reflectgen.reflection.form import FormOptions


class JobRequest(BaseModel, extra="forbid", frozen=True):
    """A job as it is asked for. It names corpora and endpoints that the service knows, never a path or an address."""

    corpus: str = Field(min_length=1, max_length=64)
    recipe: str | RecipeSections = "builtin"
    read: ReadOptions = ReadOptions()
    chunks: ChunkOptions = ChunkOptions()
    form: FormOptions | None = None  # None: that of the recipe's mode
    formats: tuple[Format, ...] = Field(default=(Format.PARQUET,), min_length=1, max_length=len(Format))
    limits: Limits = Limits()
    metadata: dict[str, str] = Field(default_factory=dict, max_length=16)

    @model_validator(mode="after")
    def _names_no_file(self) -> Self:
        if self.chunks.tokenizer is not None or self.chunks.chunk_tokens is not None:
            raise ValueError("chunks by tokens need a tokenizer's files, which a job cannot name; use chunk_words")
        if any(len(key) > 64 or len(value) > 512 for key, value in self.metadata.items()):
            raise ValueError("metadata: a key has at most 64 characters, a value 512")
        if self.read.rows != "text":
            raise ValueError("read.rows: the service does texts only; for conversations there is `reflectgen sft-data`")
        return self

    def sections(self, registry: Registry) -> RecipeSections:
        """Return the recipe's sections, looked up where they are named.

        Raises:
            RecipeError: the registry has no recipe of this name, or not the endpoints that are used.
        """
        if isinstance(self.recipe, str):
            if self.recipe not in registry.recipes:
                raise RecipeError(
                    f"there is no recipe {self.recipe!r}; there are {', '.join(sorted(registry.recipes))}"
                )
            return registry.recipes[self.recipe]
        return self.recipe

    def written_form(self, sections: RecipeSections) -> FormOptions:
        return self.form or FormOptions.model_validate({"style": sections.policy.mode})


class Submitted(BaseModel, extra="forbid", frozen=True):
    """A request as the job keeps it: with its recipe written out, so that a registry may change afterwards."""

    request: dict[str, Any]  # as it came, for people to read
    sections: dict[str, Any]
    read: ReadOptions
    chunks: ChunkOptions
    form: FormOptions
    formats: tuple[Format, ...]
    limits: Limits
    inputs: tuple[str, ...]  # paths that the corpus stands for

    @property
    def recipe_sections(self) -> RecipeSections:
        return RecipeSections.model_validate(self.sections)


def submitted(request: JobRequest, registry: Registry, inputs: tuple[str, ...]) -> Submitted:
    """Return what a job keeps of `request`.

    Raises:
        RecipeError: the recipe is not there, uses endpoints that are not, or a setting cannot be.
    """
    sections = request.sections(registry)
    registry.recipe_file(sections)
    try:
        form = request.written_form(sections)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RecipeError(f"the form: {first['msg'].removeprefix('Value error, ')}") from error
    return Submitted(
        request=request.model_dump(mode="json", exclude_unset=True),
        sections=sections.model_dump(mode="json", exclude_unset=True),
        read=request.read,
        chunks=request.chunks,
        form=form,
        formats=request.formats,
        limits=request.limits,
        inputs=inputs,
    )
