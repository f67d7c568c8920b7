"""Verify a whole job: its ledger, its corpus shards, and its export against them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from reflectgen.errors import RecipeError
from reflectgen.export.verify import VerifyReport, verify_export
from reflectgen.jobs.finish import is_chat
from reflectgen.jobs.folder import EXPORT, existing_job
from reflectgen.jobs.sft import verify_conversations
from reflectgen.records import Document
from reflectgen.shards import read_documents
from reflectgen.store import corpus
from reflectgen.store.counts import count_job


def verify_job(folder: Path) -> VerifyReport:
    """Return what was looked at and what is wrong; never raises for what it finds in the files.

    Raises:
        InputError: the folder holds no job.
        RecipeError: its job is not finished.
    """
    with existing_job(folder) as (store, job):
        if job.state != "finished":
            raise RecipeError(f"the job in {folder} is not finished; end it with `reflectgen run` first")
        with store.read() as connection:
            shards = corpus.shards(connection, job.id)
            counts = count_job(connection, job.id)
    problems = list(_damaged(folder, shards))
    if not counts.balanced:
        problems.append("the store's ledger does not balance; see `reflectgen stats`")

    def documents() -> Iterator[Document]:
        for shard in shards:
            yield from read_documents(folder / shard.corpus_file)

    with existing_job(folder) as (store, job):
        if is_chat(job) and not problems:
            return verify_conversations(store, job, folder)
    # A damaged corpus shard cannot be compared with, and saying so once is enough.
    report = verify_export(folder / EXPORT, None if problems else documents)
    for problem in problems:
        report.add(problem)
    return report


def _damaged(folder: Path, shards: list[corpus.Shard]) -> Iterator[str]:
    for shard in shards:
        for name, sha256 in ((shard.corpus_file, shard.corpus_sha256), (shard.chunks_file, shard.chunks_sha256)):
            try:
                with (folder / name).open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                yield f"{name}: cannot be read: {error.strerror}"
            else:
                if found != sha256:
                    yield f"{name}: its SHA-256 is not the store's"
