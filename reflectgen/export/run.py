"""Write an export: data files shard by shard, then the card, and the manifest last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reflectgen.errors import VerificationError
from reflectgen.export.arms.arm import Reflected, Rewrites
from reflectgen.export.arms.options import ArmOptions
from reflectgen.export.arms.registry import Arm
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
from reflectgen.export.shard import write_shard
from reflectgen.export.tally import Tally
from reflectgen.records import Provenance
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import cannot_write, whole_file


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
    shards: Iterable[tuple[int, Iterable[Reflected]]],
    num_shards: int,
    directory: Path,
    formats: Sequence[Format],
    form: FormOptions,
    facts: ExportFacts,
    arm: Arm | None = None,
    rewrites: Rewrites | None = None,
) -> Manifest:
    """Write all shards, numbered from 0 and in order, in every format, and describe them.

    With `arm` the documents are written as it has them, else woven. `rewrites` are what a model wrote for it.

    An export that was interrupted has no manifest: it is cleared away and written again.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
        InputError: a corpus shard cannot be read.
        VerificationError: a shard or a reflection is missing, or the documents woven and the rows rejected are not
            the documents that came in. The manifest is not written then.
    """
    formats = list(dict.fromkeys(formats))
    clear_export(directory, {format_.file(shard, num_shards) for format_ in formats for shard in range(num_shards)})
    files: list[FileEntry] = []
    tally = Tally()
    num_written = 0
    for number, documents in shards:
        if number != num_written:
            raise VerificationError(f"shard {num_written} of {num_shards} is missing from the export, got {number}")
        entries, counted = write_shard(
            number,
            num_shards,
            documents,
            directory,
            formats,
            form,
            arm,
            rewrites.of_shard(number) if rewrites else None,
        )
        files += entries
        tally.merge(counted)
        num_written += 1
    if num_written != num_shards:
        raise VerificationError(f"shard {num_written} of {num_shards} is missing from the export")
    manifest = _manifest(files, tally, num_shards, form, facts, arm.options if arm else ArmOptions())
    _write_cards(directory, manifest)
    write_manifest(directory, manifest)
    return manifest


def clear_export(directory: Path, keep: set[str]) -> None:
    """Remove manifest, cards and every data file an earlier export wrote, other than those in `keep`.

    `keep` holds paths within the export that are about to be replaced. Files of other people are left alone.

    Raises:
        OutputError: a file cannot be removed.
    """
    ours = [directory / name for name in (MANIFEST_NAME, CARD_NAME)]
    ours += [path for name in (MANIFEST_NAME, CARD_NAME) for path in directory.glob(f"{name}.*.partial")]
    for format_ in Format:
        folder = directory / format_.folder
        ours += [path for path in folder.glob("*") if format_.owns(path.name) or path.name == CARD_NAME]
    for path in ours:
        if path.relative_to(directory).as_posix() not in keep:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise cannot_write(path, error) from error


def _write_cards(directory: Path, manifest: Manifest) -> None:
    together = described_together(manifest.formats)
    cards = {CARD_NAME: render_card(manifest)}
    for format_ in manifest.formats:
        if format_ not in together:
            cards[f"{format_.folder}/{CARD_NAME}"] = render_folder_card(format_, manifest)
    for name, card in cards.items():
        with whole_file(directory / name) as partial:
            partial.write_text(card, encoding="utf-8")


def _manifest(
    files: list[FileEntry], tally: Tally, num_shards: int, form: FormOptions, facts: ExportFacts, arm: ArmOptions
) -> Manifest:
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
            form=form,
            arm=arm,
            provenances=provenances_by_key(facts.provenances),
            counts=Counts.model_validate(counted),
            num_shards=num_shards,
            files=files,
        )
    except ValidationError as error:
        raise VerificationError(f"the export does not add up: {problem(error)}") from None
