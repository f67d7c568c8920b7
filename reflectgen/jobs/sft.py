"""Supervised fine-tuning data of a finished job over conversations: written, and written again as proof."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from reflectgen import __version__
from reflectgen.errors import VerificationError
from reflectgen.export.sft.counts import SftCounts
from reflectgen.export.sft.record import SftOptions
from reflectgen.export.sft.run import MIX, TRAIN, SftManifest, mixed, read_sft_manifest, rows_of, write_sft
from reflectgen.export.verify import VerifyReport
from reflectgen.jobs.finish import Reflected, ReflectedShard
from reflectgen.jobs.progress import Progress
from reflectgen.reflection.form import FormOptions
from reflectgen.store import Store, corpus, reflections
from reflectgen.store.counts import count_job
from reflectgen.store.jobs import Job

SFT = "sft"


def write_conversations(
    store: Store, job: Job, folder: Path, form: FormOptions, options: SftOptions, progress: Progress
) -> SftManifest:
    """Write a job's conversations under `folder`/sft, from one steady view of the store.

    Raises:
        OutputError: it cannot be written.
        VerificationError: a chunk has no reflection.
    """
    with store.read() as connection:
        known = reflections.provenances(connection)
        in_use = reflections.provenances_in_use(connection, job.id)
        return write_sft(
            _documents(connection, job, folder, progress),
            folder / SFT,
            form,
            options,
            job.recipe,
            [known[number] for number in in_use],
            count_job(connection, job.id).rejected_rows,
            __version__,
            datetime.now(UTC),
        )


def verify_conversations(store: Store, job: Job, folder: Path) -> VerifyReport:
    """Look at what is under `folder`/sft: every file's hash, and every line against what the job gives."""
    report = VerifyReport()
    try:
        manifest = read_sft_manifest(folder / SFT)
    except VerificationError as error:
        report.add(str(error))
        return report
    counts = SftCounts()
    with store.read() as connection:
        rows = rows_of(_documents(connection, job, folder, Progress()), manifest.form, manifest.options, counts)
        hashes = {TRAIN: hashlib.sha256(), MIX: hashlib.sha256()}
        for row, is_mixed in mixed(rows, manifest.options):
            counts.num_mixed_rows += is_mixed
            report.num_documents += 1
            report.num_reflections += sum(span.kind == "reflection" for span in row.spans)
            for name in (TRAIN, MIX)[: 1 + is_mixed]:
                hashes[name].update(row.to_line())
    if {**counts.to_json(), "rejected_rows": manifest.counts.get("rejected_rows")} != manifest.counts:
        report.add("manifest: its counts are not those that the job gives")
    for file in manifest.files:
        report.num_files += 1
        if file.sha256 != hashes[file.path].hexdigest():
            report.add(f"{file.path}: the manifest's SHA-256 is not that of what the job gives")
        try:
            with (folder / SFT / file.path).open("rb") as written:
                found = hashlib.file_digest(written, "sha256").hexdigest()
        except OSError as error:
            report.add(f"{file.path}: cannot be read: {error.strerror}")
        else:
            if found != file.sha256:
                report.add(f"{file.path}: its SHA-256 is not the manifest's")
    return report


def _documents(connection: Connection, job: Job, folder: Path, progress: Progress) -> Iterator[Reflected]:
    keys = {number: record.key for number, record in reflections.provenances(connection).items()}
    for shard in corpus.shards(connection, job.id):
        for one in ReflectedShard(connection, job.id, folder, shard, keys):
            progress.num_exported_documents += 1
            yield one
