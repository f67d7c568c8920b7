"""Write supervised fine-tuning data: train.jsonl, mix.jsonl for replay where it is asked for, and the manifest last."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from reflectgen.export.arms.arm import Reflected, chance
from reflectgen.export.manifest import MANIFEST_NAME, provenances_by_key, read_described, recipe_sha256
from reflectgen.export.sft.conversation import REFUSAL_PROVENANCE, sft_rows
from reflectgen.export.sft.counts import SftCounts
from reflectgen.export.sft.record import SftOptions, SftRow
from reflectgen.records import Provenance
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import whole_file

TRAIN, MIX = "train.jsonl", "mix.jsonl"


class SftFile(BaseModel, frozen=True, extra="forbid"):
    path: str
    sha256: str
    num_bytes: int
    num_rows: int


class SftManifest(BaseModel):
    """What the folder holds; `counts` are those of `SftCounts`, with the rows that were rejected by reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["sft"] = "sft"
    format_version: Literal[1] = 1
    created_at: str
    code_version: str
    recipe: dict[str, Any]
    recipe_sha256: str
    form: FormOptions
    options: SftOptions
    provenances: dict[str, list[dict[str, Any]]]
    counts: dict[str, Any]
    files: list[SftFile]


def write_sft(
    documents: Iterable[Reflected],
    directory: Path,
    form: FormOptions,
    options: SftOptions,
    recipe: dict[str, Any],
    provenances: Sequence[Provenance],
    rejected_rows: dict[str, int],
    code_version: str,
    created_at: datetime,
) -> SftManifest:
    """Write all conversations with their reflections, in order; memory does not grow with them.

    Raises:
        OutputError: the folder cannot be written, or the disk is full; files of an earlier time stay as they were.
        VerificationError: the reflections are not those of these conversations.
    """
    (directory / MANIFEST_NAME).unlink(missing_ok=True)
    counts = SftCounts()
    names = [TRAIN, *([MIX] if options.mix else [])]
    written = dict.fromkeys(names, 0)
    with ExitStack() as stack:
        partials = {name: stack.enter_context(whole_file(directory / name)) for name in names}
        files = {name: stack.enter_context(partials[name].open("wb")) for name in names}
        for row, is_mixed in mixed(rows_of(documents, form, options, counts), options):
            counts.num_mixed_rows += is_mixed
            for name in names[: 1 + is_mixed]:
                files[name].write(row.to_line())
                written[name] += 1
    if not options.mix:
        (directory / MIX).unlink(missing_ok=True)
    manifest = SftManifest(
        created_at=created_at.isoformat(timespec="seconds"),
        code_version=code_version,
        recipe=recipe,
        recipe_sha256=recipe_sha256(recipe),
        form=form,
        options=options,
        provenances=provenances_by_key([*provenances, REFUSAL_PROVENANCE]),
        counts={**counts.to_json(), "rejected_rows": rejected_rows},
        files=[_entry(directory, name, num_rows) for name, num_rows in written.items()],
    )
    with whole_file(directory / MANIFEST_NAME) as partial:
        partial.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def rows_of(
    documents: Iterable[Reflected], form: FormOptions, options: SftOptions, counts: SftCounts
) -> Iterator[SftRow]:
    for document, reflections in documents:
        yield from sft_rows(document, reflections, form, options, counts)


def mixed(rows: Iterable[SftRow], options: SftOptions) -> Iterator[tuple[SftRow, bool]]:
    """Yield every row, and whether it is in the replay set: `mix` of them, evenly spread, from a place by chance."""
    phase = chance("mix", options.seed).random()
    for number, row in enumerate(rows):
        yield row, math.floor((number + 1) * options.mix + phase) > math.floor(number * options.mix + phase)


def read_sft_manifest(directory: Path) -> SftManifest:
    """Read the manifest of supervised fine-tuning data.

    Raises:
        VerificationError: it is missing, or no such manifest.
    """
    what = "manifest of conversations"
    return read_described(directory, SftManifest, what, "run `reflectgen sft-data` again")


def _entry(directory: Path, name: str, num_rows: int) -> SftFile:
    with (directory / name).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return SftFile(path=name, sha256=sha256, num_bytes=file.tell(), num_rows=num_rows)
