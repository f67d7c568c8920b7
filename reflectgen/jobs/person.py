"""A person's word on a reflection of a finished job. A rejection is two revisions: one takes back, one stands in."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from reflectgen import __version__
from reflectgen.errors import InputError, RecipeError
from reflectgen.records import Category, Label, Provenance, Reflection, Road, Verdict
from reflectgen.reflection.cascade import CascadeOptions, fallback
from reflectgen.reflection.taxonomy import written_category
from reflectgen.store import Store, clock, jobs, reflections, reviews
from reflectgen.store.reflections import NOTHING_ASKED, ReflectionRow
from reflectgen.store.reviews import Place
from reflectgen.store.tables import provenance

REJECTED = "rejected_by_person"  # the reason of the revision that takes a reflection back


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says. `revision` is the one that was looked at, None: whichever stands.

    A rejection without a `verdict` says that the words are bad; with one, that the chunk is to be called that.
    """

    is_accepted: bool
    reviewer: str
    reason: str
    revision: int | None = None
    verdict: Verdict | None = None
    category: Category | None = None


def review_by_person(store: Store, public_id: str, place: Place, said: Said, *, key_id: str) -> None:
    """Keep what a person said; what was rejected gives way to the template in the same transaction.

    Raises:
        InputError: there is no such job, or no reflection at the place.
        RecipeError: the job is not finished, a newer revision stands, or there is nothing to fall back to.
    """
    with store.write() as connection:
        job = jobs.find(connection, public_id, lock=True)
        if job is None:
            raise InputError(f"there is no job {public_id}")
        if job.state != "finished":
            raise RecipeError(f"{public_id} is not finished; its reflections may still change by themselves")
        old = reviews.current_row(connection, job.id, place)
        if old is None:
            raise InputError("there is no reflection at this place")
        if said.revision not in (None, old.revision):
            raise RecipeError(f"revision {old.revision} stands here now, not {said.revision}; look again")
        if not said.is_accepted:
            cascade = CascadeOptions(**job.recipe.get("cascade", {}))
            reflections.add(connection, _replaced(connection, old, said, cascade))
        reviews.add(
            connection,
            job.id,
            place,
            old.revision,
            is_accepted=said.is_accepted,
            reviewer=said.reviewer,
            reason=said.reason,
            key_id=key_id,
        )


def _replaced(connection: Connection, old: Any, said: Said, cascade: CascadeOptions) -> list[ReflectionRow]:
    """Return the revision that takes `old` back, and the template that stands in its place."""
    new = _template(old, said, cascade)
    if not old.rationale and (old.verdict, old.category) == (new.verdict.value, new.category.value):
        raise RecipeError("this is the template already; give a verdict that it should have")
    now = clock.now(connection)
    same = {**old._mapping, **NOTHING_ASKED, "created_at": now, "reply": ""}
    taken_back = {"reason": REJECTED, "detail": said.reason[:200], "road": Road.WITHDRAWN.value}
    stands_in = {
        "revision": old.revision + 2,
        "reason": "",
        "detail": "",
        "road": Road.FALLBACK.value,
        "verdict": new.verdict.value,
        "category": new.category.value,
        "rationale": "",
        "evidence": "",
        "seed": 0,
        "provenance_id": _template_id(connection, old.guard_provenance_id),
    }
    return [same | taken_back | {"revision": old.revision + 1}, same | stands_in]


def _template(old: Any, said: Said, cascade: CascadeOptions) -> Reflection:
    """Return what the person says the chunk is, else what was said of it before: a rejection never makes it milder."""
    if said.verdict is None:
        label = Label(Verdict(old.guard_verdict), Category(old.guard_category), old.guard_score)
        return fallback(label, Reflection(Verdict(old.verdict), Category(old.category)), cascade)
    category = said.category or Category(old.category)
    if said.verdict is Verdict.SAFE:
        return Reflection(said.verdict, Category.NONE)
    return Reflection(said.verdict, written_category(said.verdict, category))


def _template_id(connection: Connection, guard_id: int) -> int:
    text = connection.execute(select(provenance.c.record).where(provenance.c.id == guard_id)).scalar_one()
    guard = Provenance(**json.loads(text))
    return reflections.provenance_id(connection, replace(guard, role="template", code_version=__version__))
