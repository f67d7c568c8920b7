"""The end of a job: the list of rejected rows, and the export of what was accepted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from reflectgen import __version__
from reflectgen.errors import RecipeError, VerificationError
from reflectgen.export.arms.arm import Rewrites
from reflectgen.export.arms.registry import Arm, Rows
from reflectgen.export.arms.rewritten import KINDS, template_provenance
from reflectgen.export.formats import Format
from reflectgen.export.manifest import Manifest
from reflectgen.export.record import ChunkReflection
from reflectgen.export.run import ExportFacts, export_shards
from reflectgen.jobs.archive import reading_all
from reflectgen.jobs.folder import REJECTS
from reflectgen.jobs.progress import Progress
from reflectgen.records import Category, Document, Provenance, Road, Verdict
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import read_documents, whole_file
from reflectgen.store import Store, corpus, jobs, reflections
from reflectgen.store.counts import count_job

Reflected = tuple[Document, list[ChunkReflection]]


def is_chat(job: jobs.Job) -> bool:
    """Whether a job's documents are conversations."""
    return bool(job.recipe["read"].get("rows") == "chat")


def refuse_chat(job: jobs.Job) -> None:
    """End what is meant for a corpus of texts.

    Raises:
        RecipeError: the job's documents are conversations.
    """
    if is_chat(job):
        raise RecipeError("the job's rows are conversations; `reflectgen sft-data` with the same --to writes them")


def write_rejects(store: Store, job_id: int, folder: Path) -> None:
    """Write every row that became no document, with file, line and reason, as JSON lines.

    Raises:
        OutputError: the folder cannot be written.
    """
    with (
        store.read() as connection,
        whole_file(folder / REJECTS) as partial,
        partial.open("w", encoding="utf-8") as out,
    ):
        for row in corpus.rejected_rows(connection, job_id):
            # ASCII, because a source's name or a row's words may hold what UTF-8 cannot.
            out.write(json.dumps(asdict(row)) + "\n")


def export_job(
    store: Store,
    job: jobs.Job,
    folder: Path,
    directory: Path,
    formats: Sequence[Format],
    form: FormOptions,
    progress: Progress,
    arm: Arm | None = None,
    rewrites: Rewrites | None = None,
) -> Manifest:
    """Export a job whose every chunk has its reflection, from one steady view of the store: it pins one revision each.

    With `arm` the documents are written as it has them, else woven; `rewrites` are what a model wrote for it.

    Raises:
        RecipeError: the arm has no stand-off form, and that is asked for.
        OutputError: `directory` cannot be written.
        VerificationError: a chunk has no reflection, or the counts do not add up; no manifest is written then.
    """
    if arm and arm.rows is not Rows.WOVEN and Format.STANDOFF in formats:
        raise RecipeError(
            f"arm {arm.options.name} has no reflections to stand beside a document; leave -f standoff out"
        )
    refuse_chat(job)
    with reading_all(store, job.id, folder) as connection:
        counts = count_job(connection, job.id)
        known = reflections.provenances(connection)
        shards = corpus.shards(connection, job.id)
        facts = ExportFacts(
            recipe=job.recipe,
            provenances=[
                *(known[number] for number in reflections.provenances_in_use(connection, job.id)),
                *(rewrites.provenances if rewrites else ()),
                *_templates(arm),
            ],
            num_documents_in=counts.num_rows,
            rejected_rows=counts.rejected_rows,
            num_replies=counts.num_replies,
            num_accepted=counts.num_accepted,
            rejections=counts.rejections,
            code_version=__version__,
            created_at=datetime.now(UTC),
        )
        keys = {number: record.key for number, record in known.items()}
        parts = ((s.number, ReflectedShard(connection, job.id, folder, s, keys, progress)) for s in shards)
        return export_shards(parts, len(shards), directory, formats, form, facts, arm, rewrites)


def _templates(arm: Arm | None) -> list[Provenance]:
    return [template_provenance(KINDS[arm.options.name])] if arm and arm.options.name in KINDS else []


@dataclass(slots=True)
class ReflectedShard:
    """A shard's documents with their reflections, which can be gone through again; they are counted the first time."""

    connection: Connection
    job_id: int
    folder: Path
    shard: corpus.Shard
    keys: dict[int, str]
    progress: Progress
    was_read: bool = False

    def __iter__(self) -> Iterator[Reflected]:
        is_first, self.was_read = not self.was_read, True
        for one in reflected(self.connection, self.job_id, self.folder, self.shard, self.keys):
            self.progress.num_exported_documents += is_first
            yield one


def reflected(
    connection: Connection, job_id: int, folder: Path, shard: corpus.Shard, keys: dict[int, str]
) -> Iterator[Reflected]:
    """Yield a shard's documents, each with its chunks' current reflections in order.

    Raises:
        VerificationError: a reflection points at no document.
    """
    rows = groupby(reflections.current(connection, job_id, shard.number), key=lambda row: int(row.document))
    following = next(rows, None)
    for number, document in enumerate(read_documents(folder / shard.corpus_file)):
        given: list[ChunkReflection] = []
        if following is not None and following[0] == number:
            given = [_chunk_reflection(row, keys) for row in following[1]]
            following = next(rows, None)
        yield document, given
    if following is not None:
        raise VerificationError(f"{shard.corpus_file} has no document {following[0]}, though a reflection points there")


# Enums by their values; calling an enum for each of a corpus's chunks is slow enough to show.
_VERDICTS = {str(verdict): verdict for verdict in Verdict}
_CATEGORIES = {str(category): category for category in Category}
_ROADS = {str(road): road for road in Road}


def _chunk_reflection(row: Any, keys: dict[int, str]) -> ChunkReflection:
    _, index, revision, start, end, verdict, category, rationale, road, provenance_id = row
    return ChunkReflection(
        index=index,
        start=start,
        end=end,
        revision=revision,
        verdict=_VERDICTS[verdict],
        category=_CATEGORIES[category],
        rationale=rationale,
        road=_ROADS[road],
        provenance=keys[provenance_id],
    )
