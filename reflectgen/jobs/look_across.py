"""The final passes of a job: the filters that look across all of it, in corpus order."""

from __future__ import annotations

import asyncio
from pathlib import Path

from reflectgen.filters.boilerplate import RepeatedBoilerplate
from reflectgen.filters.near_duplicate import NearDuplicates
from reflectgen.jobs.budget import Budget
from reflectgen.jobs.near_duplicates import review_near_duplicates
from reflectgen.jobs.recipe import Recipe
from reflectgen.jobs.review import review
from reflectgen.jobs.settle import Desk
from reflectgen.store import Store


async def look_across(
    store: Store, folder: Path, desk: Desk, recipe: Recipe, slots: int, budget: Budget, stop: asyncio.Event
) -> None:
    """Withdraw and replace what only the whole job shows to be too much; stopped and called again it goes on.

    It stops by itself where `budget` has a reason to.

    Raises:
        TeacherError: the teacher cannot be asked; what was decided before is kept.
        OutputError: the store refused, or the folder cannot be written.
    """
    await review(store, folder, desk, RepeatedBoilerplate(recipe.max_repeats), slots, budget, stop)
    if stop.is_set() or budget.reason:
        return
    if recipe.near_duplicate_threshold is not None and desk.teachers:
        near = NearDuplicates(recipe.max_repeats, recipe.near_duplicate_threshold)
        await review_near_duplicates(store, folder, desk, near, slots, budget, stop)
