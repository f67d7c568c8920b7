"""Asking about a part of a finished job once more, with the same recipe or another one."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from reflectgen.errors import RecipeError
from reflectgen.jobs.recipe import Recipe
from reflectgen.store import Store, jobs, regenerations

KEYS = (*regenerations.CONDITIONS, "reason", "prompt")


def read_conditions(written: Sequence[str]) -> dict[str, str]:
    """Read `KEY=VALUE` conditions.

    Raises:
        RecipeError: one is not of that form, or names what cannot be selected by.
    """
    conditions = {}
    for one in written:
        key, equals, value = one.partition("=")
        if not equals or key not in KEYS or not value:
            raise RecipeError(f"--where {one!r} is not KEY=VALUE with a key of {', '.join(KEYS)}")
        conditions[key] = value
    return conditions


def open_again(store: Store, job: jobs.Job, conditions: Mapping[str, str], recipe: Recipe) -> int:
    """Take the selected reflections of a finished job back, to be asked for with `recipe`; return how many.

    What is taken back stays in the store, and the job is unfinished until every chunk has a newer reflection.

    Raises:
        RecipeError: the job is not finished, or `recipe` would change what was read or how it was cut.
    """
    if job.state != "finished":
        raise RecipeError("the job is not finished; end it with `reflectgen run` or `reflectgen regenerate` first")
    dump = json.loads(recipe.model_dump_json())
    for part in ("read", "chunks"):
        if dump[part] != job.recipe[part]:
            raise RecipeError(f"{part} cannot change in a job that has been read; begin a new one with another --out")
    with store.write() as connection:
        return regenerations.begin(connection, job.id, conditions, dump, recipe.sha256, time.time())
