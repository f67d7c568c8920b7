"""Everything that decides what a job writes: the same recipe, input and replies give the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, Field

from reflectgen.corpus.chunk import ChunkOptions
from reflectgen.corpus.read import ReadOptions
from reflectgen.export.formats import Format
from reflectgen.filters.chain import DEFAULT_FILTERS, HINT_FILTERS, to_spec
from reflectgen.filters.disagreement import Disagreement
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import Roles
from reflectgen.records import Provenance
from reflectgen.reflection.cascade import CascadeOptions
from reflectgen.reflection.form import FormOptions


class Recipe(BaseModel, extra="forbid", frozen=True):
    """Saved with the job it made. Addresses, concurrency and patience are not in it: they change no byte."""

    schema_version: Literal[1] = 1
    read: ReadOptions = ReadOptions()
    chunks: ChunkOptions = ChunkOptions()
    guard: dict[str, Any]  # what names the guard, see `named`
    teacher: dict[str, Any] | None  # None: every chunk gets the template of the guard's label
    fallbacks: list[dict[str, Any]] = Field(default_factory=list)  # asked, in this order, where one declines
    judge: dict[str, Any] | None = None
    cascade: CascadeOptions = CascadeOptions()
    max_attempts: int = Field(default=2, ge=1, le=10)  # answers asked for before the template stands in
    filters: list[dict[str, Any]] = Field(default_factory=lambda: to_spec(DEFAULT_FILTERS))
    checks: list[dict[str, Any]] = Field(default_factory=list)  # filters that ask a model, after all the others
    max_repeats: int = Field(default=20, ge=1)  # different chunks that one rationale may stand at
    near_duplicate_threshold: float | None = Field(default=0.7, gt=0, le=1)  # None: not looked for
    form: FormOptions = FormOptions()
    formats: tuple[Format, ...] = (Format.PARQUET,)

    @property
    def is_chat(self) -> bool:
        """Whether documents are conversations."""
        return self.read.rows == "chat"

    @property
    def shows_neighbours(self) -> bool:
        """Whether a teacher is shown more than the chunk it writes about."""
        shown = [one["sampling"].get("neighbours") for one in (self.teacher, *self.fallbacks) if one]
        return any(shown) or self.form.style == "hint"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def job_recipe(file: RecipeFile, roles: Roles, **settings: Any) -> Recipe:
    """Return the recipe of a job: what `file` says, with the models that answer at its endpoints.

    Raises:
        ValidationError: a setting has a value that it cannot have.
    """
    policy = file.policy
    taught = [named(teacher.provenance) for teacher in roles.teachers]
    defaults = HINT_FILTERS if policy.mode == "hint" else DEFAULT_FILTERS
    if policy.verdict == "teacher":  # whose verdict stands, so that it cannot be wrong to be milder than the guard
        defaults = tuple(one for one in defaults if not isinstance(one, Disagreement))
    return Recipe(
        guard=named(roles.guard.provenance),
        teacher=taught[0] if taught else None,
        fallbacks=taught[1:],
        judge={"model": roles.judge_model} if roles.judge else None,
        cascade=policy.cascade,
        max_attempts=policy.max_attempts,
        max_repeats=policy.max_repeats,
        near_duplicate_threshold=policy.near_duplicate_threshold or None,
        filters=to_spec(defaults) if policy.filters is None else policy.filters,
        checks=policy.checks,
        **settings,
    )


def named(provenance: Provenance) -> dict[str, Any]:
    """Return what names a guard or teacher: its provenance without the address and the code version."""
    return {k: v for k, v in asdict(provenance).items() if k not in ("endpoint", "code_version")}


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield one short phrase for each setting that differs, such as `chunks.chunk_words was 100, is 200`."""
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from differences(before, after, f"{prefix}{key}.")
        elif before != after:
            yield f"{prefix}{key} was {_short(before)}, is {_short(after)}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
