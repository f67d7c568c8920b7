"""One export of a service's job, written beside all others; the row in SQL says which folder is the one that counts."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from reflectgen.export.any_format import AnyFormat, of_tokens, text_formats
from reflectgen.export.arms.options import ArmOptions
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.export.run import remove_records
from reflectgen.jobs.export_job import export_job
from reflectgen.jobs.export_request import ExportOptions
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.recipe import Recipe
from reflectgen.jobs.take_over import take_over
from reflectgen.jobs.unfinished import EXPORT
from reflectgen.store import Store, exports
from reflectgen.store.jobs import Job
from reflectgen.store.tasks import Claim

EXPORTS = "exports"


def export(store: Store, job: Job, recipe: Recipe, folder: Path, claim: Claim) -> tuple[str, str]:
    """Write an export into a folder of this claim's own; return the folder's name and the hash of its manifest.

    What an earlier claim has written of it and is whole is not written again. `store` is fenced: every shard is noted
    as progress.

    Raises:
        OutputError: it cannot be written.
        InputError: the tokenizer cannot be read.
        VerificationError: a chunk has no reflection.
        LeaseLost: another worker has taken it over.
    """
    with store.read() as connection:
        wanted = exports.get(connection, job.id, claim.number)
    if wanted is None:
        raise LookupError(f"export {claim.number} of job {job.public_id} is not in the store")
    options = ExportOptions.model_validate(wanted.options)
    formats = options.formats or [AnyFormat(one) for one in recipe.formats]
    form = options.form or recipe.form
    arm, tokenizer = ArmOptions(**options.arm.model_dump()), options.tokenizer_path
    name = f"{EXPORTS}/{wanted.public_id}-{claim.token}"
    to, texts = folder / name, text_formats(formats)
    take_over(to, EXPORT)

    def note() -> None:
        with store.write():  # for its fence: this ends where another has the task, and a shard that is kept is progress
            pass

    # One process: the worker's others have work of their own.
    export_job(
        store, job, folder, to, texts, form, Progress(), arm, tokenizer, processes=1, written=note, keeps_records=True
    )
    _make(to, formats, options)
    remove_records(to)
    with (to / MANIFEST_NAME).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return name, sha256


def _make(directory: Path, formats: Sequence[AnyFormat], options: ExportOptions) -> None:
    """Write the formats that are made from woven documents. One process: the worker's others have work of their own."""
    from reflectgen.export.dolma import export_dolma
    from reflectgen.export.marked_tokenizer import load_marked_tokenizer
    from reflectgen.export.token_export import Making, export_tokens
    from reflectgen.export.trainer_formats import TokenFormat
    from reflectgen.export.woven_source import open_woven

    if named := of_tokens(formats):
        woven = open_woven(directory)
        tokenizer = load_marked_tokenizer(str(options.tokenizer_path), woven.manifest.form)
        making = Making(tokenizer, woven.manifest.form, options.weights)
        export_tokens(woven, directory, [TokenFormat(one.value) for one in named], making)
    if AnyFormat.DOLMA in formats:
        export_dolma(open_woven(directory), directory)


def remove_others(folder: Path, winner: str) -> None:
    """Remove what other claims of the same export or training left; a straggler that still writes there fails."""
    public_id = Path(winner).name.rpartition("-")[0]
    for other in (folder / winner).parent.glob(f"{public_id}-*"):
        if other.name != Path(winner).name:
            with suppress(OSError):
                shutil.rmtree(other)
