"""Verify an export: files, hashes, counts, and every document taken apart and put together again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reflectgen.errors import VerificationError
from reflectgen.export.arms.options import ArmName
from reflectgen.export.arms.random_tag import TAG
from reflectgen.export.arms.registry import ARMS, Rows
from reflectgen.export.audit import audit_edited, audit_plain, audit_standoff, audit_woven
from reflectgen.export.card import CARD_NAME
from reflectgen.export.formats import Format
from reflectgen.export.manifest import FileEntry, Manifest, read_manifest
from reflectgen.export.read import document_of, read_rows
from reflectgen.export.record import EditedDocument, StandoffDocument, WovenDocument
from reflectgen.export.tally import NOT_IN_ROWS, Tally
from reflectgen.records import Document

MAX_SHOWN = 20

Corpus = Callable[[], Iterable[Document]]
Remade = Callable[[Manifest], Iterable[WovenDocument]]


@dataclass(slots=True)
class VerifyReport:
    """What was looked at, and what is wrong with it, one line a problem; only the first `MAX_SHOWN` are kept.

    Documents and reflections are counted once, though every format holds all of them and is verified.
    """

    num_files: int = 0
    num_documents: int = 0
    num_reflections: int = 0
    num_problems: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.num_problems == 0

    def add(self, problem: str) -> None:
        self.num_problems += 1
        if len(self.problems) < MAX_SHOWN:
            self.problems.append(problem)

    def require_ok(self) -> None:
        """Raise VerificationError if there is a problem."""
        if self.num_problems:
            more = f" (and {self.num_problems - 1} more)" if self.num_problems > 1 else ""
            raise VerificationError(self.problems[0] + more)


def verify_export(directory: Path, corpus: Corpus | None = None, remade: Remade | None = None) -> VerifyReport:
    """Look at everything in an export, in flat memory; never raises for what it finds.

    `corpus` yields the documents that were woven, in order, each time it is called: then every document is also
    compared with its own, id, text and metadata. `remade` yields all documents of the export as they must be written:
    the whole proof, also of an arm that takes something out of documents, or documents out of the corpus.
    """
    report = VerifyReport()
    try:
        manifest = read_manifest(directory)
    except VerificationError as error:
        report.add(str(error))
        return report
    _check_listing(directory, manifest, report)
    for format_ in manifest.formats:
        tally = _verify_format(directory, manifest, format_, report, corpus, remade)
        _check_counts(manifest, format_.folder, tally, report)
        report.num_documents, report.num_reflections = tally.num_documents, tally.num_chunks
    if not manifest.formats:
        _check_counts(manifest, "no files", Tally(), report)
    return report


def _check_listing(directory: Path, manifest: Manifest, report: VerifyReport) -> None:
    """Every shard has its file in every format, and no folder of data holds anything else."""
    listed = {entry.path for entry in manifest.files}
    for format_ in manifest.formats:
        for shard in range(manifest.num_shards):
            if format_.file(shard, manifest.num_shards) not in listed:
                report.add(f"manifest: shard {shard} has no file of format {format_}")
    for format_ in Format:
        for path in sorted((directory / format_.folder).glob("*")):
            if path.name != CARD_NAME and path.relative_to(directory).as_posix() not in listed:
                report.add(f"{path.relative_to(directory).as_posix()}: not in the manifest")


def _verify_format(
    directory: Path,
    manifest: Manifest,
    format_: Format,
    report: VerifyReport,
    corpus: Corpus | None,
    remade: Remade | None,
) -> Tally:
    tally = Tally()
    originals = iter(corpus()) if corpus else None
    wanted = iter(remade(manifest)) if remade else None
    for entry in sorted((e for e in manifest.files if e.format is format_), key=lambda e: e.shard):
        report.num_files += 1
        try:
            counted = _verify_file(directory / entry.path, entry, manifest, report, originals, wanted)
        except VerificationError as error:
            report.add(f"{entry.path}: {error}")
        except OSError as error:
            report.add(f"{entry.path}: cannot be read: {error.strerror or error}")
        else:
            tally.merge(counted)
    if originals is not None and next(originals, None) is not None:
        report.add(f"{format_.folder}: the corpus has more documents")
    if wanted is not None and next(wanted, None) is not None:
        report.add(f"{format_.folder}: the job gives more documents")
    return tally


def _verify_file(
    path: Path,
    entry: FileEntry,
    manifest: Manifest,
    report: VerifyReport,
    originals: Iterator[Document] | None,
    wanted: Iterator[WovenDocument] | None,
) -> Tally:
    """Count what a file holds, and report what is wrong with its rows one by one."""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
            report.add(f"{entry.path}: its SHA-256 is not the manifest's")
        if file.tell() != entry.num_bytes:
            report.add(f"{entry.path}: {file.tell()} bytes, the manifest says {entry.num_bytes}")
    tally = Tally()
    for number, row in enumerate(read_rows(path, entry.format)):
        expected = next(originals, None) if originals is not None else None
        remade = next(wanted, None) if wanted is not None else None
        try:
            original, woven = _audit(document_of(row, entry.format), manifest)
            if originals is not None and original != expected:
                raise VerificationError("it is not the document the corpus has in this place")
            if wanted is not None and woven != remade:
                raise VerificationError("it is not the row that the job gives in this place")
            tally.add(original.text, woven)
        except (VerificationError, UnicodeEncodeError) as error:
            report.add(f"{entry.path}: row {number}, id {str(row.get('id'))[:80]!r}: {error}")
    if (tally.num_documents, tally.num_chunks) != (entry.num_documents, entry.num_reflections):
        found = f"{tally.num_documents} good documents with {tally.num_chunks} reflections"
        report.add(f"{entry.path}: {found}, the manifest says {entry.num_documents} and {entry.num_reflections}")
    return tally


def _audit(document: WovenDocument | StandoffDocument, manifest: Manifest) -> tuple[Document, WovenDocument]:
    """Return what a row has of its original, and the row as a written document."""
    form, rows = manifest.form, ARMS[manifest.arm.name].rows
    if isinstance(document, StandoffDocument):
        return audit_standoff(document, form)
    if isinstance(document, EditedDocument) is not (rows is Rows.EDITED):
        raise VerificationError(f"its columns are not those of arm {manifest.arm.name}")
    if isinstance(document, EditedDocument):
        markers = (*form.markers, TAG) if manifest.arm.name is ArmName.RANDOM_TAG else form.markers
        return audit_edited(document, markers), document
    if rows is Rows.PLAIN:
        return audit_plain(document, form.markers), document
    return audit_woven(document, form), document


def _check_counts(manifest: Manifest, where: str, tally: Tally, report: VerifyReport) -> None:
    stated = manifest.counts.model_dump()
    for name, counted in tally.counts().items():
        if name not in NOT_IN_ROWS and counted != stated[name]:
            report.add(f"{where}: {name} is {_shown(counted)}, the manifest says {_shown(stated[name])}")


def _shown(count: int | dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(count.items())) if isinstance(count, dict) else str(count)
