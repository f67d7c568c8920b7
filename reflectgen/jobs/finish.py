"""The end of a job: the list of rejected rows, and each shard's documents with their reflections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from reflectgen.errors import RecipeError, VerificationError
from reflectgen.export.record import ChunkReflection
from reflectgen.jobs.folder import REJECTS
from reflectgen.records import Category, Document, Road, Verdict
from reflectgen.shards import read_documents, whole_file
from reflectgen.store import Store, corpus, jobs, reflections

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


@dataclass(slots=True)
class ReflectedShard:
    """A shard's documents with their reflections, which can be gone through again."""

    connection: Connection
    job_id: int
    folder: Path
    shard: corpus.Shard
    keys: dict[int, str]

    def __iter__(self) -> Iterator[Reflected]:
        return reflected(self.connection, self.job_id, self.folder, self.shard, self.keys)


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
