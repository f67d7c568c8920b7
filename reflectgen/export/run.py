"""Write an export: data files shard by shard, by several processes, then the card, and the manifest last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reflectgen.errors import VerificationError
from reflectgen.export.card import CARD_NAME, render_card, render_folder_card
from reflectgen.export.formats import Format
from reflectgen.export.front_matter import described_together
from reflectgen.export.manifest import (
    MANIFEST_NAME,
    Counts,
    FileEntry,
    Manifest,
    problem,
    provenances_by_key,
    recipe_sha256,
    write_manifest,
)
from reflectgen.export.shard_processes import Begin, each_shard
from reflectgen.export.shard_records import RECORDS
from reflectgen.export.tally import Tally
from reflectgen.export.writing import ShardKey, ShardRecord, Writing
from reflectgen.records import Provenance
from reflectgen.shards import remove_files, whole_file


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """What an export says about its job without having seen it.

    `num_documents_in` counts input rows, rejected ones included; `rejected_rows` and `rejections` (of the teacher's
    replies) count by reason. Time and code version go into the manifest alone.
    """

    recipe: dict[str, Any]
    provenances: Sequence[Provenance]
    num_documents_in: int
    rejected_rows: dict[str, int]
    num_replies: int
    num_accepted: int
    rejections: dict[str, int]
    code_version: str
    created_at: datetime


def export_shards(
    writing: Writing,
    shards: Sequence[ShardKey],
    begin: Begin[ShardKey, ShardRecord],
    facts: ExportFacts,
    processes: int = 1,
    done: Callable[[ShardKey, bool], None] = lambda key, is_new: None,
    *,
    keeps_records: bool = False,
) -> Manifest:
    """Write all shards, numbered from 0 and in order, and describe them.

    `done` hears of each, in order, and whether it had to be written. `begin` and `processes` are as for `each_shard`.
    An export that was interrupted has no manifest: it is gone on with, shard by shard. A finished one is written anew.
    With `keeps_records`, who makes more of it removes them in the end (`remove_records`).

    Raises:
        OutputError: the folder cannot be written, the disk is full, or a process was killed.
        InputError: a corpus shard cannot be read.
        VerificationError: a shard or a reflection is missing, or the documents woven and the rows rejected are not
            the documents that came in. The manifest is not written then.
    """
    for number, key in enumerate(shards):
        if key.number != number:
            raise VerificationError(f"shard {number} is missing from the export, got {key.number}")
    clear_export(writing.directory, writing.own_files())
    kept = [writing.finished(key) for key in shards]
    lacking = [key for key, known in zip(shards, kept, strict=True) if known is None]
    files: list[FileEntry] = []
    tally = Tally()
    with closing(each_shard(begin, lacking, processes)) as fresh:
        for key, known in zip(shards, kept, strict=True):
            record = known or next(fresh)
            files += record.files
            tally.merge(record.tally)
            done(key, known is None)
    manifest = _manifest(writing, files, tally, facts)
    _write_cards(writing.directory, manifest)
    write_manifest(writing.directory, manifest)
    if not keeps_records:
        remove_records(writing.directory)
    return manifest


def remove_records(directory: Path) -> None:
    """Remove what says which shards of an export are whole; it is finished.

    Raises:
        OutputError: a file cannot be removed.
    """
    remove_files((directory / RECORDS).glob("train-*"))
    with suppress(OSError):  # there is something of somebody else's in it
        (directory / RECORDS).rmdir()


def clear_export(directory: Path, keep: set[str]) -> None:
    """Remove manifest, cards and every file an earlier export wrote, other than those in `keep`.

    `keep` holds paths within the export that are about to be replaced. Records are kept of an export that is not
    finished. Files of other people are left alone.

    Raises:
        OutputError: a file cannot be removed.
    """
    if (directory / MANIFEST_NAME).exists():
        remove_records(directory)
    ours = [*(directory / RECORDS).glob("train-*"), *(directory / name for name in (MANIFEST_NAME, CARD_NAME))]
    ours += [path for name in (MANIFEST_NAME, CARD_NAME) for path in directory.glob(f"{name}.*.partial")]
    for format_ in Format:
        folder = directory / format_.folder
        ours += [path for path in folder.glob("*") if format_.owns(path.name) or path.name == CARD_NAME]
    remove_files(path for path in ours if path.relative_to(directory).as_posix() not in keep)


def _write_cards(directory: Path, manifest: Manifest) -> None:
    together = described_together(manifest.formats)
    cards = {CARD_NAME: render_card(manifest)}
    for format_ in manifest.formats:
        if format_ not in together:
            cards[f"{format_.folder}/{CARD_NAME}"] = render_folder_card(format_, manifest)
    for name, card in cards.items():
        with whole_file(directory / name) as partial:
            partial.write_text(card, encoding="utf-8")


def _manifest(writing: Writing, files: list[FileEntry], tally: Tally, facts: ExportFacts) -> Manifest:
    counted = {
        **tally.counts(),
        "num_documents_in": facts.num_documents_in,
        "num_rejected_rows": sum(facts.rejected_rows.values()),
        "rejected_rows": facts.rejected_rows,
        "num_replies": facts.num_replies,
        "num_accepted": facts.num_accepted,
        "rejections": facts.rejections,
    }
    try:
        return Manifest(
            created_at=facts.created_at.isoformat(timespec="seconds"),
            code_version=facts.code_version,
            recipe=facts.recipe,
            recipe_sha256=recipe_sha256(facts.recipe),
            form=writing.form,
            arm=writing.arm,
            provenances=provenances_by_key(facts.provenances),
            counts=Counts.model_validate(counted),
            num_shards=writing.num_shards,
            files=files,
        )
    except ValidationError as error:
        raise VerificationError(f"the export does not add up: {problem(error)}") from None
