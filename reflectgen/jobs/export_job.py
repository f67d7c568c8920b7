"""The export of a job: of one state of its reflections, whichever processes write it and however often it is begun.

One process reads everything through one steady view of the store. Several have a view each, for every shard a new one,
and none outlives an interruption; so each shard is named by what it is made from, and is refused where that is no
longer so. Whatever changed meanwhile is then written again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

from sqlalchemy import URL, Connection

from reflectgen import __version__
from reflectgen.errors import RecipeError
from reflectgen.export.arms.arm import Rewrites
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.arms.registry import ARMS, Arm, Rows, make_arm
from reflectgen.export.arms.rewritten import KINDS, template_provenance
from reflectgen.export.formats import Format
from reflectgen.export.manifest import Manifest
from reflectgen.export.run import ExportFacts, export_shards
from reflectgen.export.shard_processes import usable_cpus
from reflectgen.export.writing import ShardKey, ShardRecord, Writing
from reflectgen.jobs.archive import reading_all
from reflectgen.jobs.arms import measure_of
from reflectgen.jobs.finish import ReflectedShard, refuse_chat
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.rewrite import open_rewrites
from reflectgen.reflection.form import FormOptions
from reflectgen.store import Store, corpus, jobs, reflections
from reflectgen.store.counts import count_job

WORTH_A_PROCESS = 32 << 20  # bytes of text; one that has fewer to write saves less than its own start takes


class ShardChanged(Exception):
    """Somebody reviewed or regenerated a reflection of a shard that is about to be written."""


def export_job(
    store: Store,
    job: jobs.Job,
    folder: Path,
    directory: Path,
    formats: Sequence[Format],
    form: FormOptions,
    progress: Progress,
    arm: ArmOptions | None = None,
    tokenizer: Path | None = None,
    processes: int | None = None,
    written: Callable[[], None] = lambda: None,
    *,
    keeps_records: bool = False,
) -> Manifest:
    """Export a job whose every chunk has its reflection; of each, the export pins one revision.

    The documents are written as `arm` has them, woven unless told: `raw-matched` counts the tokens of `tokenizer`, or
    words without it, and what `reflectgen rewrite` has written is put in. Without `processes`, as many work as are
    worth it. `written` hears of each shard that was not there whole; `keeps_records` is as for `export_shards`.

    Raises:
        RecipeError: the arm has no stand-off form, and that is asked for; or a teacher has begun to write for it and
            not ended.
        InputError: `tokenizer` is none.
        OutputError: `directory` cannot be written.
        VerificationError: a chunk has no reflection, or the counts do not add up; no manifest is written then.
    """
    arm = arm or ArmOptions()
    if ARMS[arm.name].rows is not Rows.WOVEN and Format.STANDOFF in formats:
        raise RecipeError(f"arm {arm.name} has no reflections to stand beside a document; leave -f standoff out")
    refuse_chat(job)
    tokenizer = tokenizer if arm.name is ArmName.RAW_MATCHED else None
    measure = measure_of(tokenizer, form)
    arm = arm.model_copy(update={"measure": measure.name})
    while True:
        with open_rewrites(folder, arm.name) as rewrites, reading_all(store, job.id, folder) as connection:
            shards = corpus.shards(connection, job.id)
            writing = Writing(directory, len(shards), tuple(dict.fromkeys(formats)), form, arm)
            keys = [ShardKey(s.number, _made_from(connection, job, s, rewrites)) for s in shards]
            facts = _facts(connection, job, arm, rewrites)
            progress.num_documents = sum(s.num_documents for s in shards)
            done = partial(_note, progress, [s.num_documents for s in shards], written)
            if processes is None:
                processes = min(usable_cpus(), sum(s.num_bytes for s in shards) // WORTH_A_PROCESS)
            if min(processes, len(shards)) <= 1:
                view = _View(connection, job, folder, writing, make_arm(arm, form, measure), rewrites)
                return export_shards(writing, keys, view.begin, facts, done=done, keeps_records=keeps_records)
        try:
            apart = _Views(store.address.url, job, folder, writing, tokenizer)
            return export_shards(writing, keys, apart.begin, facts, processes, done, keeps_records=keeps_records)
        except ShardChanged:
            progress.num_exported_documents = 0


def _note(
    progress: Progress, num_documents: Sequence[int], written: Callable[[], None], key: ShardKey, is_new: bool
) -> None:
    progress.num_exported_documents += num_documents[key.number]
    if is_new:
        written()


def _facts(connection: Connection, job: jobs.Job, arm: ArmOptions, rewrites: Rewrites | None) -> ExportFacts:
    counts = count_job(connection, job.id)
    known = reflections.provenances(connection)
    return ExportFacts(
        recipe=job.recipe,
        provenances=[
            *(known[number] for number in reflections.provenances_in_use(connection, job.id)),
            *(rewrites.provenances if rewrites else ()),
            *([template_provenance(KINDS[arm.name])] if arm.name in KINDS else ()),
        ],
        num_documents_in=counts.num_rows,
        rejected_rows=counts.rejected_rows,
        num_replies=counts.num_replies,
        num_accepted=counts.num_accepted,
        rejections=counts.rejections,
        code_version=__version__,
        created_at=datetime.now(UTC),
    )


def _made_from(connection: Connection, job: jobs.Job, shard: corpus.Shard, rewrites: Rewrites | None) -> str:
    """Return the hash of what the reflected documents of a shard depend on: rows of answers are only ever added."""
    said = [job.id, job.public_id, job.created_at, job.recipe_sha256, shard.corpus_sha256, shard.chunks_sha256]
    said += [reflections.num_answers(connection, job.id, shard.number), rewrites.stamp if rewrites else ""]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@dataclass(frozen=True)
class _View:
    """What writes shards from one view of the store."""

    connection: Connection
    job: jobs.Job
    folder: Path
    writing: Writing
    arm: Arm
    rewrites: Rewrites | None

    @cached_property
    def names(self) -> dict[int, str]:
        return {number: record.key for number, record in reflections.provenances(self.connection).items()}

    def begin(self) -> AbstractContextManager[Callable[[ShardKey], ShardRecord]]:
        return nullcontext(self.write)

    def write(self, key: ShardKey) -> ShardRecord:
        shard = corpus.shard_number(self.connection, self.job.id, key.number)
        if _made_from(self.connection, self.job, shard, self.rewrites) != key.made_from:
            raise ShardChanged(key.number)
        documents = ReflectedShard(self.connection, self.job.id, self.folder, shard, self.names)
        rewritten = self.rewrites.of_shard(key.number) if self.rewrites else None
        return self.writing.write(key, documents, self.arm, rewritten)


@dataclass(frozen=True, slots=True)
class _Views:
    """What begins to write shards in a process of its own, each from a view of its own."""

    url: URL
    job: jobs.Job
    folder: Path
    writing: Writing
    tokenizer: Path | None

    @contextmanager
    def begin(self) -> Iterator[Callable[[ShardKey], ShardRecord]]:
        form, options = self.writing.form, self.writing.arm
        arm = make_arm(options, form, measure_of(self.tokenizer, form))
        with (
            Store.at(self.url.render_as_string(hide_password=False), migrates=False) as store,
            open_rewrites(self.folder, options.name) as rewrites,
        ):

            def write(key: ShardKey) -> ShardRecord:
                with reading_all(store, self.job.id, self.folder) as connection:
                    return _View(connection, self.job, self.folder, self.writing, arm, rewrites).write(key)

            yield write
