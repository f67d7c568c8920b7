"""The recipe as a person writes it: a TOML file that says who guards, who teaches, where they are, and what is kept."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from reflectgen.errors import RecipeError
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.reflection.cascade import CascadeOptions
from reflectgen.reflection.llm_guard import LLMGuardOptions
from reflectgen.reflection.teacher import TeacherOptions

BUILTIN = "builtin"

Read = TypeVar("Read", bound=BaseModel)


class GuardSection(BaseModel, extra="allow", frozen=True):
    """`use` names the endpoints that share the load; the other keys are those of `LLMGuardOptions`."""

    use: list[str] = Field(default=[BUILTIN], min_length=1)

    @property
    def is_classifier(self) -> bool:
        return self.options("any").format == "classifier"

    def options(self, model: str) -> LLMGuardOptions:
        return LLMGuardOptions(model=model, **(self.model_extra or {}))


class TeacherSection(BaseModel, extra="allow", frozen=True):
    """`fallbacks` are asked, in order, where a teacher declines; the other keys are those of `TeacherOptions`."""

    use: list[str] = Field(default=[BUILTIN], min_length=1)
    fallbacks: list[list[str]] = Field(default_factory=list)

    def options(self, model: str) -> TeacherOptions:
        return TeacherOptions(model=model, **(self.model_extra or {}))


class JudgeSection(BaseModel, extra="forbid", frozen=True):
    use: list[str] = Field(min_length=1)


class PolicySection(CascadeOptions, frozen=True):
    """The cascade, and how often and by what measure answers are taken. `filters` and `checks` replace the default."""

    mode: Literal["contextual", "template", "hint"] = "contextual"
    max_attempts: int = Field(default=2, ge=1, le=10)
    max_repeats: int = Field(default=20, ge=1)
    near_duplicate_threshold: float = Field(default=0.7, ge=0, le=1)  # 0: not looked for
    filters: list[dict[str, Any]] | None = None
    checks: list[dict[str, Any]] = Field(default_factory=list)

    @property
    def cascade(self) -> CascadeOptions:
        return CascadeOptions(**self.model_dump(include=set(CascadeOptions.model_fields)))


class RecipeFile(BaseModel, extra="forbid", frozen=True):
    """Without a section its role is the built-in one; without a judge there is none."""

    endpoints: dict[str, EndpointOptions] = Field(default_factory=dict)
    guard: GuardSection = GuardSection()
    teacher: TeacherSection = TeacherSection()
    judge: JudgeSection | None = None
    policy: PolicySection = PolicySection()

    @model_validator(mode="after")
    def _endpoints_are_there(self) -> Self:
        for role, names in self.uses():
            if BUILTIN in names:
                if role == "judge" or len(names) > 1:
                    raise ValueError(f"{role}: builtin stands alone, and is a guard or a teacher")
                continue
            for name in names:
                if name not in self.endpoints:
                    raise ValueError(f"{role} uses {name!r}, but there is no [endpoints.{name}]")
        return self

    @model_validator(mode="after")
    def _hints_have_a_writer(self) -> Self:
        if self.policy.mode == "hint" and self.teacher.use == [BUILTIN]:
            raise ValueError("mode hint needs a teacher behind an endpoint: the built-in one writes none")
        return self

    @model_validator(mode="after")
    def _sections_hold_what_they_may(self) -> Self:
        for name, section in (("guard", self.guard), ("teacher", self.teacher)):
            if "model" in (section.model_extra or {}):
                raise ValueError(f"{name}.model: a model is named at its endpoint, as model in [endpoints.NAME]")
            try:
                section.options("any")
            except ValidationError as error:
                raise ValueError(_first_wrong(error, name)) from None
        return self

    def teacher_options(self, model: str) -> TeacherOptions:
        """Return what decides the teacher's replies; in mode `hint` it is told to write one unless told otherwise."""
        options = self.teacher.options(model)
        if self.policy.mode == "hint" and "prompt" not in options.model_fields_set:
            return options.model_copy(update={"prompt": "reflection/hint"})
        return options

    @property
    def num_slots(self) -> int:
        """How many chunks are under way at once: as many as guard and teacher take together."""
        names = [name for name in (*self.guard.use, *self.teacher.use) if name != BUILTIN]
        return sum(self.endpoints[name].concurrency for name in names) or 1

    def uses(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each role with the names of the endpoints that it uses."""
        yield "guard", self.guard.use
        yield "teacher", self.teacher.use
        for names in self.teacher.fallbacks:
            yield "teacher's fallback", names
        if self.judge:
            yield "judge", self.judge.use


def read_recipe_file(path: Path) -> RecipeFile:
    """Read a recipe.

    Raises:
        RecipeError: it cannot be read, or holds something that is no recipe; the first thing that is wrong is named.
    """
    return read_toml(path, RecipeFile, f"the recipe {path}")


def read_toml(path: Path, model: type[Read], what: str) -> Read:
    """Read a file that a person wrote as a `model`; `what` names it where it cannot be used.

    Raises:
        RecipeError: it cannot be read, is not TOML, or not what it should be.
    """
    try:
        with path.open("rb") as file:
            return model.model_validate(tomllib.load(file))
    except OSError as error:
        raise RecipeError(f"{what} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{what} is not TOML: {error}") from error
    except ValidationError as error:
        raise RecipeError(f"{what}: {_first_wrong(error)}") from error


def _first_wrong(error: ValidationError, section: str = "") -> str:
    """Return the first thing that is wrong, with its place: `guard.format: ...`."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join([section, *(str(part) for part in first["loc"])]).strip(".")
    said = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said
