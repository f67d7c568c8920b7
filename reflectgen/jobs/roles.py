"""From a recipe to the guard, the teachers and the judge that work, and what they have used so far."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import SecretStr

from reflectgen.jobs.recipe_file import BUILTIN, RecipeFile
from reflectgen.llm.completion import ChatModel
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.reflection.builtin_guard import BuiltinGuard
from reflectgen.reflection.builtin_teacher import BuiltinTeacher
from reflectgen.reflection.llm_guard import LLMGuard
from reflectgen.reflection.roles import Guard, Teacher
from reflectgen.reflection.teacher import OpenAITeacher
from reflectgen.settings import Settings, read_settings
from reflectgen.store.usage import Usage

if TYPE_CHECKING:
    from reflectgen.llm.pool import EndpointPool
    from reflectgen.llm.price import Price


@dataclass(frozen=True, slots=True)
class Bound:
    """A role bound to the endpoints that share its load; `options` are theirs, in the pool's order."""

    role: str
    pool: EndpointPool
    model: str
    options: Sequence[EndpointOptions]


@dataclass(slots=True)
class Roles:
    """Who does what in a job."""

    guard: Guard
    teachers: list[Teacher] = field(default_factory=list)
    judge: ChatModel | None = None
    judge_model: str = ""
    bound: list[Bound] = field(default_factory=list)
    opened_at: float = field(default_factory=time.monotonic)

    @property
    def asks_endpoints(self) -> bool:
        """Whether there are calls to wait for, which other work must not hold up."""
        provenances = [self.guard.provenance, *(teacher.provenance for teacher in self.teachers)]
        return any(one.endpoint for one in provenances)

    def paused_seconds(self) -> float | None:
        """How long a role has had no endpoint that answers; None while all have one."""
        return max((s for b in self.bound if (s := b.pool.status.paused_seconds) is not None), default=None)

    def usage(self) -> list[Usage]:
        """Return what was used since the roles were opened, by role and endpoint."""
        seconds = time.monotonic() - self.opened_at
        return [
            Usage(
                bound.role,
                status.endpoint,
                num_calls=status.num_calls,
                prompt_tokens=status.prompt_tokens,
                completion_tokens=status.completion_tokens,
                seconds=seconds,
            )
            for bound in self.bound
            for status in bound.pool.status.endpoints
        ]

    def prices(self) -> dict[tuple[str, str], Price]:
        """Return what each endpoint costs, by role and address; those without a price are absent."""
        if not self.bound:
            return {}
        from reflectgen.llm.price import Price

        return {
            (bound.role, status.endpoint): price
            for bound in self.bound
            for status, options in zip(bound.pool.status.endpoints, bound.options, strict=True)
            if (price := Price.of(options)) is not None
        }


@asynccontextmanager
async def open_roles(recipe: RecipeFile, *, cache_salt: str = "") -> AsyncIterator[Roles]:
    """Open every role of a recipe; a server is asked for its model's name where none was given.

    Raises:
        TeacherError: an address cannot be used, or the endpoints of a role do not serve one model.
    """
    settings = read_settings()
    async with AsyncExitStack() as stack:
        builtin = BuiltinGuard()
        roles = Roles(builtin)

        async def bind(role: str, names: Sequence[str], key: SecretStr | None, *, classifies: bool = False) -> Bound:
            endpoints = [recipe.endpoints[name] for name in names]
            bound = await _bind(role, endpoints, key, cache_salt, classifies=classifies)
            stack.push_async_callback(bound.pool.close)
            roles.bound.append(bound)
            return bound

        if recipe.guard.use != [BUILTIN]:
            bound = await bind("guard", recipe.guard.use, settings.guard_api_key, classifies=recipe.guard.is_classifier)
            roles.guard = LLMGuard(bound.pool, recipe.guard.options(bound.model), builtin)
        if recipe.policy.mode != "template":
            for number, names in enumerate([recipe.teacher.use, *recipe.teacher.fallbacks]):
                if names == [BUILTIN]:
                    roles.teachers.append(BuiltinTeacher())
                    continue
                role = f"teacher-{number + 1}" if number else "teacher"
                bound = await bind(role, names, settings.teacher_api_key)
                roles.teachers.append(OpenAITeacher(bound.pool, recipe.teacher_options(bound.model)))
        if recipe.judge:
            bound = await bind("judge", recipe.judge.use, settings.judge_api_key)
            roles.judge, roles.judge_model = bound.pool, bound.model
        yield roles


async def _bind(
    role: str, options: Sequence[EndpointOptions], key: SecretStr | None, cache_salt: str, *, classifies: bool
) -> Bound:
    from reflectgen.llm.pool import open_pool  # the HTTP client is slow to import

    keys = [_key_of(one, key, os.environ) for one in options]
    pool, model = await open_pool(options, keys, cache_salt=cache_salt, classifies=classifies)
    return Bound(role, pool, model, options)


def keys_of(file: RecipeFile, settings: Settings, environ: Mapping[str, str]) -> dict[str, SecretStr | None]:
    """Return the key of each endpoint that a role uses, by the endpoint's name."""
    used = [(file.guard.use, settings.guard_api_key)]
    used += [(names, settings.teacher_api_key) for names in (file.teacher.use, *file.teacher.fallbacks)]
    used += [(file.judge.use, settings.judge_api_key)] if file.judge else []
    return {
        name: _key_of(file.endpoints[name], key, environ) for names, key in used for name in names if name != BUILTIN
    }


def _key_of(options: EndpointOptions, role_key: SecretStr | None, environ: Mapping[str, str]) -> SecretStr | None:
    if options.key_variable is None:
        return role_key
    value = environ.get(options.key_variable, "").strip()
    return SecretStr(value) if value else None
