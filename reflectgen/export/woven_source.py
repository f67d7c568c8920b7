"""The woven documents of a finished export, shard by shard: what other forms of the corpus are made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reflectgen.errors import InputError, RecipeError, VerificationError
from reflectgen.export.formats import Format
from reflectgen.export.manifest import Manifest, read_manifest
from reflectgen.export.read import read_documents
from reflectgen.export.record import StandoffDocument, WovenDocument


@dataclass(frozen=True, slots=True)
class Source:
    """One shard of an export, and the name that files made from it have."""

    path: Path
    format: Format
    sha256: str
    name: str

    def documents(self) -> Iterator[WovenDocument]:
        """Yield the documents, a few at a time in memory.

        Raises:
            InputError: the file cannot be read.
            VerificationError: it is not the file that the manifest names, or is damaged.
        """
        advice = "export the woven documents again"
        try:
            with self.path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != self.sha256:
                    raise VerificationError(f"{self.path} is not the file its manifest names (SHA-256); {advice}")
            for document in read_documents(self.path, self.format):
                if isinstance(document, StandoffDocument):
                    raise VerificationError(f"{self.path} holds no woven documents; {advice}")
                yield document
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}; {advice}") from error


@dataclass(frozen=True, slots=True)
class WovenExport:
    """A finished export."""

    manifest: Manifest
    sources: tuple[Source, ...]


def open_woven(directory: Path) -> WovenExport:
    """Open an export by its manifest.

    Raises:
        VerificationError: it has none, or one that contradicts itself.
        RecipeError: it has stand-off documents alone.
    """
    manifest = read_manifest(directory)
    woven = [format_ for format_ in manifest.formats if format_ is not Format.STANDOFF]
    if not woven and manifest.num_shards:
        raise RecipeError(f"{directory} holds no woven documents; export it with --format parquet as well")
    entries = sorted((e for e in manifest.files if woven and e.format is woven[0]), key=lambda entry: entry.shard)
    names = [f"train-{entry.shard:05d}-of-{manifest.num_shards:05d}" for entry in entries]
    sources = [Source(directory / e.path, e.format, e.sha256, name) for e, name in zip(entries, names, strict=True)]
    return WovenExport(manifest, tuple(sources))
