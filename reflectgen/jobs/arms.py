"""The ablation arms of a finished job: what each is made with, what each adds up to, and each made again as proof."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from reflectgen.errors import VerificationError
from reflectgen.export.arms.arm import ArmShard, Written
from reflectgen.export.arms.measure import Measure, TokenMeasure, Words
from reflectgen.export.arms.options import ArmOptions
from reflectgen.export.arms.registry import Arm, make_arm
from reflectgen.export.manifest import Manifest, read_manifest
from reflectgen.export.record import EditedDocument, WovenDocument
from reflectgen.export.verify import VerifyReport, verify_export
from reflectgen.jobs.finish import ReflectedShard
from reflectgen.jobs.folder import existing_job
from reflectgen.jobs.rewrite import open_rewrites
from reflectgen.reflection.form import FormOptions
from reflectgen.store import Store, corpus, reflections
from reflectgen.store.jobs import Job


@dataclass(slots=True)
class ArmCounts:
    """What an arm adds up to; `length` is in words or tokens, as measured."""

    arm: str
    num_documents: int = 0
    num_left_out_documents: int = 0
    num_repeated_documents: int = 0
    num_reflections: int = 0
    num_edits: int = 0
    length: int = 0


def measure_of(tokenizer: Path | None, form: FormOptions) -> Measure:
    """Return what counts text: tokens where a tokenizer is given, else words.

    Raises:
        InputError: it is no tokenizer.
    """
    return TokenMeasure(tokenizer, form.markers) if tokenizer else Words()


def count_arms(
    store: Store,
    job: Job,
    folder: Path,
    form: FormOptions,
    arms: Sequence[ArmOptions],
    measure: Measure,
    note: Callable[[str], None] = lambda name: None,
) -> list[ArmCounts]:
    """Return what each arm would add up to; nothing is written. `note` hears of each arm that is begun."""
    counted = []
    with store.read() as connection:
        for options in arms:
            note(options.name)
            counts = ArmCounts(options.name.value)
            for written in write_arm(connection, job, folder, make_arm(options, form, measure)):
                _count(counts, written, measure)
            counted.append(counts)
    return counted


def write_arm(connection: Connection, job: Job, folder: Path, arm: Arm) -> Iterator[Written]:
    """Yield all documents of a job as an arm has them, in corpus order.

    Raises:
        RecipeError: a teacher has begun to write for the arm and not ended.
    """
    keys = {number: record.key for number, record in reflections.provenances(connection).items()}
    with open_rewrites(folder, arm.options.name) as rewrites:
        for shard in corpus.shards(connection, job.id):
            documents = ReflectedShard(connection, job.id, folder, shard, keys)
            written = rewrites.of_shard(shard.number) if rewrites else {}
            yield from arm.write(ArmShard(shard.number, documents, written))


def verify_arm(directory: Path, folder: Path, tokenizer: Path | None = None) -> VerifyReport:
    """Verify an export and compare every row with the one that the job in `folder` gives.

    Raises:
        InputError: the folder holds no job, or `tokenizer` is none.
        VerificationError: there is no manifest, or the arm was measured with another tokenizer than is given.
    """
    manifest = read_manifest(directory)
    measure: Measure = Words()
    if manifest.arm.measure != measure.name:
        measure = measure_of(tokenizer, manifest.form)
        if manifest.arm.measure != measure.name:
            raise VerificationError(f"the arm was measured in {manifest.arm.measure}; name that with --tokenizer")
    with existing_job(folder) as (store, job), store.read() as connection:

        def remade(manifest: Manifest) -> Iterator[WovenDocument]:
            for written in write_arm(connection, job, folder, make_arm(manifest.arm, manifest.form, measure)):
                if written.woven is not None:
                    yield written.woven

        return verify_export(directory, remade=remade)


def _count(counts: ArmCounts, written: Written, measure: Measure) -> None:
    if written.woven is None:
        counts.num_left_out_documents += 1
        return
    counts.num_documents += 1
    counts.num_repeated_documents += written.is_again
    counts.num_reflections += len(written.woven.reflections)
    counts.num_edits += len(written.woven.edits) if isinstance(written.woven, EditedDocument) else 0
    counts.length += measure.count(written.woven.text) + measure.end_length
