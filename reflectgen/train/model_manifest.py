"""What a training of the service leaves: its files with their hashes, and what they were made of. Written last."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from reflectgen.export.manifest import MANIFEST_NAME, read_described
from reflectgen.export.token_manifest import TokenFile
from reflectgen.shards import whole_file
from reflectgen.train.log import LOG_NAME
from reflectgen.train.places import MODEL
from reflectgen.train.plot import PLOT_NAME


class ModelManifest(BaseModel, frozen=True, extra="forbid"):
    """`corpus_manifest_sha256` is of the manifest of the token shards; the model's card has recipe and options."""

    format: Literal["model"] = "model"
    version: Literal[1] = 1
    training: str
    arm: str
    corpus_manifest_sha256: str
    code_version: str
    num_steps: int
    num_tokens: int
    loss: float
    held_out: dict[str, float]
    files: list[TokenFile]


def files_of(folder: Path) -> list[TokenFile]:
    """Return the files of a finished run that are worth keeping: model, log and picture."""
    found = [path for path in sorted((folder / MODEL).rglob("*")) if path.is_file()]
    found += [path for path in (folder / LOG_NAME, folder / PLOT_NAME) if path.is_file()]
    return [_file(path, folder) for path in found]


def write_model_manifest(folder: Path, manifest: ModelManifest) -> None:
    """Write the manifest.

    Raises:
        OutputError: the folder cannot be written.
    """
    with whole_file(folder / MANIFEST_NAME) as partial:
        partial.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_model_manifest(folder: Path) -> ModelManifest:
    """Read the manifest of a finished training.

    Raises:
        VerificationError: it is missing, or cannot be read.
    """
    return read_described(folder, ModelManifest, "manifest of a model", "the training is not finished")


def _file(path: Path, folder: Path) -> TokenFile:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return TokenFile(path=path.relative_to(folder).as_posix(), sha256=sha256, num_bytes=path.stat().st_size)
