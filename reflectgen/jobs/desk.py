"""The desk at which a job's chunks are settled, made from its recipe and roles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reflectgen.filters.chain import from_spec
from reflectgen.filters.checks import checks_from_spec
from reflectgen.jobs.committer import Committer
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.provenances import Provenances
from reflectgen.jobs.recipe import Recipe
from reflectgen.jobs.reuse import Reuse
from reflectgen.jobs.roles import Roles
from reflectgen.jobs.settle import Desk
from reflectgen.store import Store, reflections
from reflectgen.store.reflections import ReflectionRow

LINGER_SECONDS = 0.006  # little beside a teacher's answer, and it makes of ten transactions one


def make_desk(
    store: Store,
    job_id: int,
    recipe: Recipe,
    roles: Roles,
    progress: Progress,
    clock: Callable[[], float],
    *,
    is_new: bool,
) -> Desk:
    """Return the desk of a job; `is_new` says that the store holds no answer of it, and nobody else adds any."""
    taught = [teacher.provenance for teacher in roles.teachers]
    asks_teachers = any(one.endpoint for one in taught)

    far = store.dialect_name == "postgresql"  # a commit is waited for, and meanwhile answers come in

    def keep(rows: Sequence[ReflectionRow]) -> None:
        with store.write() as connection:
            reflections.add(connection, rows)

    return Desk(
        job_id=job_id,
        teachers=roles.teachers,
        provenances=Provenances(store, roles.guard.provenance, taught),
        cascade=recipe.cascade,
        filters=from_spec(recipe.filters),
        checks=checks_from_spec(recipe.checks, roles),
        max_attempts=recipe.max_attempts,
        committer=Committer(keep, in_thread=far, linger_seconds=LINGER_SECONDS if far else 0.0),
        progress=progress,
        clock=clock,
        bridges=recipe.form.style == "hint",
        reuse=Reuse(store, job_id, is_new=is_new) if asks_teachers else None,
        teacher_keys=[one.key for one in taught],
        instructions=[teacher.instructions for teacher in roles.teachers],
    )
