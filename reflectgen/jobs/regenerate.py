"""Asking about a part of a finished job once more, with the same recipe or another one."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from reflectgen.errors import RecipeError
from reflectgen.jobs.recipe import Recipe
from reflectgen.records import Category, Road, Verdict
from reflectgen.store import Store, jobs, regenerations

NOT_FINISHED = (
    "the job is not finished: end it with `reflectgen run`, or, if part of it is being asked about again, with "
    "`reflectgen regenerate` without --where"
)
KEYS = (*regenerations.CONDITIONS, "reason", "prompt")
# A mistyped value would select nothing; of reasons and prompts a job may know others than this version does.
VALUES: dict[str, list[str]] = {
    "verdict": [*Verdict],
    "guard": [*Verdict],
    "category": [*Category],
    "road": [road for road in Road if road is not Road.WITHDRAWN],
}


def read_conditions(written: Sequence[str]) -> dict[str, str]:
    """Read `KEY=VALUE` conditions.

    Raises:
        RecipeError: one is not of that form, names what cannot be selected by, or a value that there is not.
    """
    conditions = {}
    for one in written:
        key, equals, value = one.partition("=")
        if not equals or key not in KEYS or not value:
            raise RecipeError(f"--where {one!r} is not KEY=VALUE with a key of {', '.join(KEYS)}")
        if key in VALUES and value not in VALUES[key]:
            raise RecipeError(f"--where {one!r}: {key} is one of {', '.join(VALUES[key])}")
        if key in conditions:
            raise RecipeError(f"--where names {key} twice; a chunk has one")
        conditions[key] = value
    return conditions


def open_again(store: Store, job: jobs.Job, conditions: Mapping[str, str], recipe: Recipe) -> int:
    """Take the selected reflections of a finished job back, to be asked for with `recipe`; return how many.

    What is taken back stays in the store, and the job is unfinished until every chunk has a newer reflection.

    Raises:
        RecipeError: the job is not finished, `recipe` would change what was read or how it was cut, or it writes hints
            and the job's does not.
    """
    if job.state != "finished":
        raise RecipeError(NOT_FINISHED)
    dump = json.loads(recipe.model_dump_json())
    for part in ("read", "chunks"):
        if dump[part] != job.recipe[part]:
            raise RecipeError(f"{part} cannot change in a job that has been read; begin a new one with another --out")
    with store.write() as connection:
        return regenerations.begin(connection, job.id, conditions, dump, recipe.sha256, time.time())
