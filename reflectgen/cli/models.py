"""From what the command line says of guard and teacher to a recipe."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from reflectgen.errors import RecipeError
from reflectgen.jobs.recipe_file import RecipeFile, read_recipe_file


@dataclass(frozen=True, slots=True)
class Models:
    """Either a file that says it all, or addresses; without an address the built-in one is meant. None: not said."""

    recipe: Path | None = None
    mode: str | None = None
    teacher_url: str | None = None
    teacher_model: str | None = None
    temperature: float | None = None
    seed: int | None = None
    guard_url: str | None = None
    guard_model: str | None = None
    attempts: int | None = None
    concurrency: int | None = None
    timeout_seconds: float | None = None
    outage_patience_seconds: float | None = None


def recipe_of(models: Models) -> RecipeFile:
    """Return the recipe that the command line names or spells out.

    Raises:
        RecipeError: the file cannot be used, or options say what only the file may.
        ValidationError: an option has a value that it cannot have.
    """
    if models.recipe is None:
        return RecipeFile.model_validate(_spelt_out(models))
    said = [f.name for f in fields(models) if f.name != "recipe" and getattr(models, f.name) is not None]
    if said:
        options = ", ".join(f"--{name.removesuffix('_seconds').replace('_', '-')}" for name in said)
        raise RecipeError(f"{models.recipe} says who guards and teaches: leave {options} out, or --recipe")
    return read_recipe_file(models.recipe)


def guard_alone(recipe: RecipeFile) -> RecipeFile:
    """Return a recipe with the guard and nobody else."""
    policy = recipe.policy.model_copy(update={"mode": "template"})
    return recipe.model_copy(update={"policy": policy, "judge": None})


def _spelt_out(models: Models) -> dict[str, Any]:
    common = {
        "concurrency": models.concurrency,
        "timeout_seconds": models.timeout_seconds,
        "outage_patience_seconds": models.outage_patience_seconds,
    }
    written: dict[str, Any] = {"endpoints": {}, "policy": _given(mode=models.mode, max_attempts=models.attempts)}
    if models.guard_url:
        written["endpoints"]["guard"] = _given(url=models.guard_url, model=models.guard_model, **common)
        written["guard"] = {"use": ["guard"], **_given(seed=models.seed)}
    if models.teacher_url:
        written["endpoints"]["teacher"] = _given(url=models.teacher_url, model=models.teacher_model, **common)
        written["teacher"] = {"use": ["teacher"], **_given(temperature=models.temperature, seed=models.seed)}
    return written


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
