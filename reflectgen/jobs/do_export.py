"""One export of a service's job, written beside all others; the row in SQL says which folder is the one that counts."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path

from reflectgen.export.formats import Format
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.jobs.finish import export_job
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.recipe import Recipe
from reflectgen.reflection.form import FormOptions
from reflectgen.store import Store, exports
from reflectgen.store.jobs import Job
from reflectgen.store.tasks import Claim

EXPORTS = "exports"


def export(store: Store, job: Job, recipe: Recipe, folder: Path, claim: Claim) -> tuple[str, str]:
    """Write an export into a folder of this claim's own; return the folder's name and the hash of its manifest.

    Raises:
        OutputError: it cannot be written.
        VerificationError: a chunk has no reflection.
    """
    with store.read() as connection:
        wanted = exports.get(connection, job.id, claim.number)
    if wanted is None:
        raise LookupError(f"export {claim.number} of job {job.public_id} is not in the store")
    formats = [Format(one) for one in wanted.options.get("formats") or recipe.formats]
    form = FormOptions.model_validate(wanted.options.get("form") or recipe.form)
    name = f"{EXPORTS}/{wanted.public_id}-{claim.token}"
    export_job(store, job, folder, folder / name, formats, form, Progress())
    with (folder / name / MANIFEST_NAME).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return name, sha256


def remove_others(folder: Path, winner: str) -> None:
    """Remove what earlier claims of the same export left behind; a straggler that still writes there fails."""
    public_id = Path(winner).name.rpartition("-")[0]
    for other in (folder / EXPORTS).glob(f"{public_id}-*"):
        if other.name != Path(winner).name:
            with suppress(OSError):
                shutil.rmtree(other)
