"""Dolma's layout: the documents as they were read, and beside them, line for line, what is known of their spans.

    documents/train-00000-of-00004.jsonl.gz                id, text, source, metadata
    attributes/reflectgen/train-00000-of-00004.jsonl.gz    id, source, attributes: [start, end, score] of each chunk
    attributes/reflections/train-00000-of-00004.jsonl.gz   id, source, attributes: [start, end, what to write there]

`dolma mix` filters and replaces by the scores of the first set. The second is for whoever weaves: it holds texts, where
dolma expects numbers. What was interrupted goes on: `records/` says of every finished shard what it was made from.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from reflectgen import __version__
from reflectgen.errors import RecipeError
from reflectgen.export.arms.registry import ARMS, Rows
from reflectgen.export.hashed import are_whole
from reflectgen.export.manifest import MANIFEST_NAME, read_described
from reflectgen.export.record import WovenDocument
from reflectgen.export.shard_processes import each_shard
from reflectgen.export.shard_records import RECORDS, read_record, write_record
from reflectgen.export.standoff import replacements
from reflectgen.export.token_manifest import TokenFile
from reflectgen.export.token_writer import HashedFile
from reflectgen.export.weave import unweave
from reflectgen.export.woven_source import Source, WovenExport
from reflectgen.records import Category, Verdict
from reflectgen.shards import remove_files, whole_file

DOLMA = "dolma"
FOLDERS = ("documents", "attributes/reflectgen", "attributes/reflections")
_RULES = 1  # raised when the same documents become other files
SCORES = {Verdict.SAFE: 0.0, Verdict.CONTROVERSIAL: 0.5, Verdict.UNSAFE: 1.0}

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class DolmaShard(BaseModel, frozen=True, extra="forbid"):
    name: str
    source_sha256: str
    num_documents: int
    files: list[TokenFile]


class DolmaRecord(BaseModel, frozen=True, extra="forbid"):
    """A finished shard, and the rules that it was made by."""

    rules: int
    shard: DolmaShard


class DolmaManifest(BaseModel, frozen=True, extra="forbid"):
    """`source_manifest_sha256` is the `contents_sha256` of the export's manifest that this was made from."""

    format: Literal["dolma"] = "dolma"
    version: Literal[1] = 1
    arm: str
    source_manifest_sha256: str
    code_version: str
    num_documents: int
    shards: list[DolmaShard]


def export_dolma(
    woven: WovenExport, to: Path, processes: int = 1, done: Callable[[int], None] = lambda num_documents: None
) -> DolmaManifest:
    """Write the folder `dolma` under `to`; `done` hears of each shard's documents.

    Raises:
        RecipeError: the export is of an arm whose documents are not the originals with reflections.
        OutputError: a folder cannot be written, the disk is full, or a process was killed.
        VerificationError: the woven documents are not those of their manifest.
    """
    arm = woven.manifest.arm.name
    if ARMS[arm].rows is not Rows.WOVEN:
        raise RecipeError(f"arm {arm} changes the documents, and dolma's layout keeps them; leave --format dolma out")
    folder = to / DOLMA
    _clear(folder, {source.name for source in woven.sources})
    kept = [_finished(folder, source) for source in woven.sources]
    lacking = [source for source, known in zip(woven.sources, kept, strict=True) if known is None]
    fresh = each_shard(partial(dolma_maker, folder), lacking, processes)
    shards = []
    for known in kept:
        shard = known or next(fresh)
        done(shard.num_documents)
        shards.append(shard)
    manifest = DolmaManifest(
        arm=arm.value,
        source_manifest_sha256=woven.manifest.contents_sha256,
        code_version=__version__,
        num_documents=sum(shard.num_documents for shard in shards),
        shards=shards,
    )
    with whole_file(folder / MANIFEST_NAME) as path:
        path.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def read_dolma_manifest(folder: Path) -> DolmaManifest:
    """Read the manifest of a folder in dolma's layout.

    Raises:
        VerificationError: it is missing, or none.
    """
    what = "manifest of dolma's layout"
    return read_described(folder, DolmaManifest, what, "it is not finished, export it again")


@contextmanager
def dolma_maker(folder: Path | None) -> Iterator[Callable[[Source], DolmaShard]]:
    """Yield what makes one shard; without a folder it only finds out what would be written."""

    def make(source: Source) -> DolmaShard:
        files = [HashedFile(folder, f"{name}/{source.name}.jsonl.gz") for name in FOLDERS]
        num_documents = 0
        with ExitStack() as stack:
            outputs = [stack.enter_context(_gzipped(file)) for file in files]
            for document in source.documents():
                num_documents += 1
                for write, row in zip(outputs, rows(document), strict=True):
                    write((_dump(row) + "\n").encode())
        shard = DolmaShard(
            name=source.name,
            source_sha256=source.sha256,
            num_documents=num_documents,
            files=[file.entry() for file in files],
        )
        if folder:
            write_record(folder, source.name, DolmaRecord(rules=_RULES, shard=shard))
        return shard

    yield make


def rows(document: WovenDocument) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return a document's row, and the two rows of its attributes."""
    metadata = json.loads(document.metadata)
    named = metadata.get("source")
    key = {"id": document.id, "source": named if isinstance(named, str) else "corpus"}
    text = unweave(document.text, document.reflections, document.neutralised)
    scores: dict[str, list[Any]] = {"reflectgen__unsafe": []}
    written: list[Any] = []
    num_inserted = 0
    for one in document.reflections:
        scores["reflectgen__unsafe"].append([one.chunk_start, one.chunk_end, SCORES[one.verdict]])
        if one.category is not Category.NONE:
            scores.setdefault(f"reflectgen__{one.category}", []).append([one.chunk_start, one.chunk_end, 1.0])
        at = one.start - num_inserted
        written.append([at, at, document.text[one.start : one.end]])
        num_inserted += one.end - one.start
    forged = [[one.start, one.end, one.replacement] for one in replacements(document)]
    texts = {"reflectgen__written": written, "reflectgen__neutralised": forged}
    return {**key, "text": text, "metadata": metadata}, {**key, "attributes": scores}, {**key, "attributes": texts}


@contextmanager
def _gzipped(file: HashedFile) -> Iterator[Callable[[bytes], None]]:
    # A header without a time or a name, so that the same documents are the same bytes.
    packing = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    with file.opened():
        yield lambda data: file.write(packing.compress(data))
        file.write(packing.flush())


def _finished(folder: Path, source: Source) -> DolmaShard | None:
    """Return a shard as it was made before, if it is there whole and was made of the same in the same way."""
    record = read_record(folder, source.name, DolmaRecord)
    if record is None or (record.rules, record.shard.source_sha256) != (_RULES, source.sha256):
        return None
    return record.shard if are_whole(folder, record.shard.files) else None


def _clear(folder: Path, names: set[str]) -> None:
    """Remove the manifest, so that the folder is unfinished, and what an earlier export wrote under other names."""
    written = [path for name in (*FOLDERS, RECORDS) for path in (folder / name).glob("train-*")]
    strangers = [path for path in written if path.suffix == ".partial" or path.name.partition(".")[0] not in names]
    remove_files([folder / MANIFEST_NAME, *strangers])
