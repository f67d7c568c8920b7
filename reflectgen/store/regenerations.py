"""Asking once more for a part of a finished job: its reflections stay until newer ones are accepted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, func, insert, literal, null, select, update

from reflectgen.records import Road
from reflectgen.store.reflections import REGENERATED, is_current
from reflectgen.store.tables import job, provenance, reflection, regeneration, shard

# What a person may select by, and the column that holds it.
CONDITIONS = {
    "verdict": reflection.c.verdict,
    "category": reflection.c.category,
    "road": reflection.c.road,
    "guard": reflection.c.guard_verdict,
}


def conditions_of(job_id: int, wanted: Mapping[str, str]) -> list[ColumnElement[bool]]:
    """Return what holds for the current reflections that `wanted` selects; all of its conditions must."""
    found: list[ColumnElement[bool]] = [reflection.c.job_id == job_id, is_current()]
    for name, value in wanted.items():
        if name == "reason":
            found.append(_had_a_rejection_for(value))
        elif name == "prompt":
            # Provenance is JSON; what is looked for is a hash's first digits, so nothing needs escaping.
            said = select(provenance.c.id).where(provenance.c.record.like(f'%"prompt_sha256": "{value}%'))
            found.append(reflection.c.provenance_id.in_(said))
        else:
            found.append(CONDITIONS[name] == value)
    return found


def count(connection: Connection, job_id: int, wanted: Mapping[str, str]) -> int:
    """Return how many chunks would be asked about again."""
    query = select(func.count()).select_from(reflection).where(*conditions_of(job_id, wanted))
    return connection.execute(query).scalar_one()


def begin(
    connection: Connection, job_id: int, wanted: Mapping[str, str], recipe: Mapping[str, Any], sha256: str, now: float
) -> int:
    """Take the selected reflections back and open the job again, with `recipe`; return how many there are."""
    taken_back = {
        "revision": reflection.c.revision + 1,
        "reason": literal(REGENERATED),
        "detail": literal(""),
        "road": literal(Road.WITHDRAWN.value),
        "rationale_key": null().cast(LargeBinary),
        "request_key": null().cast(LargeBinary),
        "reused_from": literal(""),
        "prompt_tokens": literal(0),
        "completion_tokens": literal(0),
        "created_at": literal(now),
    }
    names = [column.name for column in reflection.c]
    chosen = select(*(taken_back.get(name, reflection.c[name]).label(name) for name in names))
    num_chunks = count(connection, job_id, wanted)
    connection.execute(insert(reflection).from_select(names, chosen.where(*conditions_of(job_id, wanted))))
    _note(connection, job_id, wanted, num_chunks, now)
    touched = select(reflection.c.shard).where(reflection.c.job_id == job_id, reflection.c.reason == REGENERATED)
    connection.execute(update(shard).where(shard.c.job_id == job_id, shard.c.number.in_(touched)).values(state="ready"))
    values = {"state": "running", "finished_at": None, "recipe": json.dumps(recipe), "recipe_sha256": sha256}
    connection.execute(update(job).where(job.c.id == job_id).values(values))
    return num_chunks


def _note(connection: Connection, job_id: int, wanted: Mapping[str, str], num_chunks: int, now: float) -> None:
    earlier = select(func.count()).select_from(regeneration).where(regeneration.c.job_id == job_id)
    replaced = select(job.c.recipe).where(job.c.id == job_id)
    connection.execute(
        insert(regeneration).values(
            job_id=job_id,
            number=connection.execute(earlier).scalar_one() + 1,
            conditions=json.dumps(dict(wanted)),
            recipe=connection.execute(replaced).scalar_one(),
            num_chunks=num_chunks,
            created_at=now,
        )
    )


def _had_a_rejection_for(reason: str) -> ColumnElement[bool]:
    rejected = reflection.alias("rejected")
    same = [rejected.c[name] == reflection.c[name] for name in ("job_id", "shard", "document", "chunk")]
    return select(rejected.c.revision).where(*same, rejected.c.reason == reason).exists()
