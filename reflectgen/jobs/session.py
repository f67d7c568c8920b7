"""A job's recipe at work in a worker: its roles stay open from task to task, and close when another job comes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from reflectgen.errors import RecipeError
from reflectgen.jobs.accounts import Accounts, refuse_limits_without_prices
from reflectgen.jobs.aside import aside
from reflectgen.jobs.budget import Budget, Limits
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.recipe import Recipe, differences, job_recipe
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.registry import Registry
from reflectgen.jobs.request import Submitted
from reflectgen.jobs.roles import Roles, open_roles
from reflectgen.reflection.roles import Guard
from reflectgen.store import Store
from reflectgen.store.jobs import Job


@dataclass(frozen=True, slots=True)
class Session:
    submitted: Submitted
    file: RecipeFile
    recipe: Recipe
    roles: Roles
    guard: Guard  # the roles' own, or the built-in one in a process of its own
    accounts: Accounts

    @property
    def dump(self) -> dict[str, Any]:
        return self.recipe.model_dump(mode="json")

    def budget(self, progress: Progress) -> Budget:
        """Return one without an end: `keep_within_limits` looks after a fleet's limits, and pauses the job."""
        return Budget(Limits(), progress, self.accounts.spent)


class Sessions:
    """The session of the job that this process worked on last."""

    def __init__(self, store: Store, registry: Callable[[], Registry]) -> None:
        self._store = store
        self._registry = registry
        self._stack = AsyncExitStack()
        self._job_id = -1
        self._session: Session | None = None

    async def of(self, job: Job) -> Session:
        """Return the session of `job`.

        Raises:
            RecipeError: its recipe cannot be used any more, or its endpoints serve other models than it began with.
            TeacherError: an endpoint cannot be asked what it serves.
        """
        if self._session is None or self._job_id != job.id:
            await self.close()
            self._session = await self._open(job)
            self._job_id = job.id
        changed = list(differences(job.recipe, self._session.dump)) if job.recipe else []
        if changed:
            await self.close()
            raise RecipeError(f"the recipe's models are not those the job began with: {'; '.join(changed[:3])}")
        return self._session

    async def close(self) -> None:
        self._session = None
        await self._stack.aclose()
        self._stack = AsyncExitStack()

    async def _open(self, job: Job) -> Session:
        submitted = Submitted.model_validate(job.request)
        file = self._registry().recipe_file(submitted.recipe_sections)
        roles = await self._stack.enter_async_context(open_roles(file, cache_salt=f"reflectgen-{job.public_id}"))
        refuse_limits_without_prices(submitted.limits, roles)
        recipe = job_recipe(
            file,
            roles,
            read=submitted.read,
            chunks=submitted.chunks,
            form=submitted.form,
            formats=submitted.formats,
        )
        guard = self._stack.enter_context(aside(roles.guard, is_wanted=roles.asks_endpoints))
        return Session(submitted, file, recipe, roles, guard, Accounts(self._store, job.id, roles, is_shared=True))
