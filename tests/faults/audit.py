"""The auditor: what must be true of a job when all is over, whatever befell the fleet."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import func, select

from reflectgen.export.verify import verify_export
from reflectgen.store import Store, exports, jobs, tasks
from reflectgen.store.counts import Counts, count_job
from reflectgen.store.reflections import is_current
from reflectgen.store.tables import reflection


def problems_of(store: Store, data: Path, job_id: str, undisturbed: Path) -> list[str]:
    """Return all that is wrong with a job; `undisturbed` is an export of the same corpus and recipe in peace."""
    with store.read() as connection:
        job = jobs.find(connection, job_id)
        assert job is not None
        counts = count_job(connection, job.id)
        places = (reflection.c.shard, reflection.c.document, reflection.c.chunk)
        current = select(*places, func.count().label("n")).where(reflection.c.job_id == job.id, is_current())
        doubled = [row for row in connection.execute(current.group_by(*places)) if row.n != 1]
        nulls = select(func.count()).where(reflection.c.job_id == job.id, is_current(), reflection.c.verdict.is_(None))
        num_nulls = connection.execute(nulls).scalar_one()
        by_state = tasks.counts(connection, job.id)
        (export,) = exports.of_job(connection, job.id)
    found = []
    if not counts.balanced:
        found.append(f"the ledger does not balance: {counts}")
    if doubled or num_nulls:
        found.append(f"{len(doubled)} chunks have more than one reflection, {num_nulls} a null one")
    if open_tasks := {key: n for key, n in by_state.items() if key[1] != "done"}:
        found.append(f"tasks that are not done: {open_tasks}")
    folder = data / "jobs" / job_id / export.folder
    found += verify_export(folder).problems
    if (ours := hashes_of(folder)) != (theirs := hashes_of(undisturbed)):
        differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        found.append(f"the export differs from an undisturbed one in {differing}")
    return found


def hashes_of(folder: Path) -> dict[str, str]:
    """Return the hash of each file of an export, the manifest apart: it says when and where it was made."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


def counts_of(store: Store, job_id: str) -> Counts:
    with store.read() as connection:
        job = jobs.find(connection, job_id)
        assert job is not None
        return count_job(connection, job.id)
