"""What an operator offers by name: endpoints, recipes that use them, tokenizers, trainings. A job never addresses."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError, field_validator

from reflectgen.errors import RecipeError
from reflectgen.jobs.recipe_file import GuardSection, JudgeSection, PolicySection, RecipeFile, TeacherSection, read_toml
from reflectgen.llm.endpoint import EndpointOptions

TRAINING_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class RecipeSections(BaseModel, extra="forbid", frozen=True):
    """A recipe without addresses: its roles use endpoints of the registry by name, or the built-in ones."""

    guard: GuardSection = GuardSection()
    teacher: TeacherSection = TeacherSection()
    judge: JudgeSection | None = None
    policy: PolicySection = PolicySection()


class TokenizerOptions(BaseModel, extra="forbid", frozen=True):
    """A tokenizer that exports may be made with: a tokenizer.json, or the folder with it, where workers see it."""

    path: Path

    @field_validator("path")
    @classmethod
    def _is_whole(cls, path: Path) -> Path:
        if not path.is_absolute():
            raise ValueError("name a tokenizer.json or its folder from the root, as workers see it")
        return path


class TrainingSection(BaseModel, extra="forbid", frozen=True):
    """A file of options for `reflectgen train`, and a tokenizer; paths are from the registry's folder on."""

    config: Path
    tokenizer: str = Field(min_length=1)


class Registry(BaseModel, extra="forbid", frozen=True):
    """The operator's file. Without one there are the built-in guard and teacher, and the recipe `builtin`."""

    endpoints: dict[str, EndpointOptions] = Field(default_factory=dict)
    recipes: dict[str, RecipeSections] = Field(default_factory=lambda: {"builtin": RecipeSections()})
    tokenizers: dict[str, TokenizerOptions] = Field(default_factory=dict)
    trainings: dict[str, TrainingSection] = Field(default_factory=dict)

    def recipe_file(self, sections: RecipeSections) -> RecipeFile:
        """Return `sections` with the addresses of the endpoints that they use.

        Raises:
            RecipeError: an endpoint is not in the registry, or a setting cannot be.
        """
        try:
            return RecipeFile(endpoints=self.endpoints, **sections.model_dump(exclude_unset=True))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise RecipeError(f"the recipe: {first['msg'].removeprefix('Value error, ')}") from error


def read_registry(path: Path | None) -> Registry:
    """Read the operator's file.

    Raises:
        RecipeError: it cannot be read, or one of its recipes uses an endpoint that is not there.
    """
    if path is None:
        return Registry()
    registry = read_toml(path, Registry, f"the registry {path}")
    for name, sections in registry.recipes.items():
        try:
            registry.recipe_file(sections)
        except RecipeError as error:
            raise RecipeError(f"the registry {path}: recipes.{name}: {error}") from error
    for name in registry.trainings:
        if not TRAINING_NAME.fullmatch(name):
            raise RecipeError(f"the registry {path}: trainings.{name}: a name has letters, digits, '.', '_' and '-'")
    return registry
