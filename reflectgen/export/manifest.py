"""The manifest: what an export holds, file by file and in numbers, and the recipe it was made by. Written last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from reflectgen.errors import VerificationError
from reflectgen.export.arms.options import ArmOptions
from reflectgen.export.formats import Format
from reflectgen.records import Provenance
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import whole_file

MANIFEST_NAME = "manifest.json"

Described = TypeVar("Described", bound=BaseModel)


class FileEntry(BaseModel, frozen=True, extra="forbid"):
    """One data file; `path` is relative to the export, and is always the one that format and shard give it."""

    path: str
    format: Format
    shard: int = Field(ge=0)
    sha256: str
    num_bytes: int
    num_documents: int
    num_reflections: int


class Counts(BaseModel, frozen=True, extra="forbid"):
    """An export in numbers. Bytes are of the documents' texts in UTF-8, before and after weaving.

    `num_neutralised` counts forged markers; those in reflections are among them. An ablation arm may leave documents
    out or write some again, and edit what it writes: those are counted by kind. Bytes are then of what is left of the
    documents' own words.
    """

    num_documents_in: int
    num_documents: int
    num_rejected_rows: int
    num_chunks: int
    num_bytes: int
    num_woven_bytes: int
    num_neutralised: int
    num_neutralised_in_reflections: int
    num_replies: int
    num_accepted: int
    rejected_rows: dict[str, int]
    rejections: dict[str, int]
    verdicts: dict[str, int]
    categories: dict[str, int]
    roads: dict[str, int]
    provenances: dict[str, int]
    num_left_out_documents: int = 0
    num_repeated_documents: int = 0
    edits: dict[str, int] = Field(default_factory=dict)


class Manifest(BaseModel, frozen=True, extra="forbid"):
    """`provenances` holds, by key, every full record behind it: they differ in endpoint and code version alone."""

    format_version: Literal[1] = 1
    created_at: str
    code_version: str
    recipe: dict[str, Any]
    recipe_sha256: str
    form: FormOptions
    arm: ArmOptions = ArmOptions()
    provenances: dict[str, list[dict[str, Any]]]
    counts: Counts
    num_shards: int
    files: list[FileEntry]

    @property
    def formats(self) -> list[Format]:
        return list(dict.fromkeys(entry.format for entry in self.files))

    @property
    def contents_sha256(self) -> str:
        """The SHA-256 of all that is said here but when, by which code and through which endpoints it was made.

        Two exports of the same replies with the same options share it.
        """
        said = self.model_dump(mode="json", exclude={"created_at", "code_version", "provenances"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @model_validator(mode="after")
    def _balances(self) -> Self:
        counts = self.counts
        num_seen = counts.num_documents - counts.num_repeated_documents + counts.num_left_out_documents
        if counts.num_documents_in != num_seen + counts.num_rejected_rows:
            there = f"{num_seen} woven and {counts.num_rejected_rows} rejected"
            raise ValueError(f"{counts.num_documents_in} documents in are not {there}")
        if counts.num_rejected_rows != sum(counts.rejected_rows.values()):
            raise ValueError(f"{counts.num_rejected_rows} rejected rows, but other numbers by reason")
        if self.recipe_sha256 != recipe_sha256(self.recipe):
            raise ValueError("the recipe is not the one that recipe_sha256 names")
        if unknown := counts.provenances.keys() - self.provenances.keys():
            raise ValueError(f"reflections name provenances that are not given: {', '.join(sorted(unknown))}")
        for entry in self.files:
            if entry.path != entry.format.file(entry.shard, self.num_shards):
                raise ValueError(f"file {entry.path!r} is not shard {entry.shard} of format {entry.format}")
        return self


def recipe_sha256(recipe: dict[str, Any]) -> str:
    """Return the SHA-256 of a recipe's canonical JSON."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def provenances_by_key(provenances: Iterable[Provenance]) -> dict[str, list[dict[str, Any]]]:
    """Return full records grouped under the key that exported rows name them by."""
    by_key: dict[str, list[dict[str, Any]]] = {}
    for provenance in provenances:
        records = by_key.setdefault(provenance.key, [])
        if asdict(provenance) not in records:
            records.append(asdict(provenance))
    return by_key


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest, the last file of an export.

    Raises:
        OutputError: the folder cannot be written.
    """
    with whole_file(directory / MANIFEST_NAME) as partial:
        partial.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_manifest(directory: Path) -> Manifest:
    """Read the manifest of an export.

    Raises:
        VerificationError: it is missing, cannot be read, or contradicts itself.
    """
    return read_described(directory, Manifest, "manifest", "an export without its manifest is not finished, run again")


def read_described(directory: Path, kind: type[Described], what: str, unfinished: str) -> Described:
    """Read the manifest of anything that has one; `unfinished` says what it means that it is missing.

    Raises:
        VerificationError: it is missing, cannot be read, or is no `what`.
    """
    path = directory / MANIFEST_NAME
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise VerificationError(f"cannot read {path}: {error.strerror}; {unfinished}") from None
    except ValidationError as error:
        raise VerificationError(f"{path} is no {what}: {problem(error)}") from None


def problem(error: ValidationError) -> str:
    """Return the first thing pydantic found, in one line."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"].removeprefix("Value error, ")
