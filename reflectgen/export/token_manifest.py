"""The manifest of a tokenised corpus: what its ids mean, what they were made from, and its files. Written last."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from reflectgen.errors import VerificationError
from reflectgen.export.kinds import Kind, Weights
from reflectgen.export.manifest import MANIFEST_NAME, problem
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import whole_file

FORMAT = "token_shards"
FOLDER = "tokens"  # where an export has it, beside the woven text
TOKENS, KINDS, ENDS = "tokens", "kinds", "ends"  # what its files' names end with

TOKENIZER_FOLDER = "tokenizer"
TOKENIZER_NAME = f"{TOKENIZER_FOLDER}/tokenizer.json"
LARGE_VOCABULARY = 65_500  # from here on 32 bits, as Megatron has it


class TokenFile(BaseModel, frozen=True, extra="forbid"):
    """One file, its path relative to the manifest."""

    path: str
    sha256: str
    num_bytes: int = Field(ge=0)


class TokenShard(BaseModel, frozen=True, extra="forbid"):
    """The files of one shard; `source_sha256` is of the file of woven documents that they were made from."""

    name: str
    source_sha256: str = ""
    num_documents: int = Field(ge=0)
    num_tokens: int = Field(ge=0)
    tokens_by_kind: dict[str, int]
    files: list[TokenFile]


class TokenManifest(BaseModel, frozen=True, extra="forbid"):
    """`vocab_size` is one more than the highest id; `source_manifest_sha256` the export's `contents_sha256`.

    `form` is the written form of its reflections. `weights` are the loss weights that masks were written with, and that
    a trainer takes unless told otherwise.
    """

    format: str
    version: Literal[1] = 1
    dtype: Literal["uint16", "uint32", "int32"]
    vocab_size: int = Field(ge=1)
    end_of_text_id: int = Field(ge=0)
    marker_ids: dict[str, int] = {}
    tokenizer: TokenFile | None = None
    weights: Weights = Weights()
    form: FormOptions | None = None
    arm: str = "srp"
    source_manifest_sha256: str = ""
    recipe: dict[str, Any] = {}
    code_version: str = ""
    num_documents: int = Field(ge=0)
    num_tokens: int = Field(ge=0)
    tokens_by_kind: dict[str, int]
    shards: list[TokenShard]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.num_documents != sum(shard.num_documents for shard in self.shards):
            raise ValueError(f"{self.num_documents} documents, but its shards hold others")
        if self.num_tokens != sum(shard.num_tokens for shard in self.shards):
            raise ValueError(f"{self.num_tokens} tokens, but its shards hold others")
        if self.tokens_by_kind != sum_by_kind(self.shards):
            raise ValueError("the tokens of each kind are not those of its shards")
        if ids := [id_ for id_ in (self.end_of_text_id, *self.marker_ids.values()) if not 0 <= id_ < self.vocab_size]:
            raise ValueError(f"the vocabulary of {self.vocab_size} has no id {ids[0]}")
        for path in (file.path for shard in self.shards for file in shard.files):
            if Path(path).is_absolute() or ".." in Path(path).parts:
                raise ValueError(f"file {path!r} is not in this folder")
        return self


def sum_by_kind(shards: list[TokenShard]) -> dict[str, int]:
    """Return the number of tokens of each kind in all shards, every kind by its name."""
    return {kind.name.lower(): sum(s.tokens_by_kind.get(kind.name.lower(), 0) for s in shards) for kind in Kind}


def dtype_for(vocab_size: int) -> Literal["uint16", "uint32"]:
    """Return the type that ids of this vocabulary are stored in."""
    return "uint16" if vocab_size < LARGE_VOCABULARY else "uint32"


def write_token_manifest(folder: Path, manifest: TokenManifest) -> None:
    """Write the manifest, the last file of a tokenised corpus.

    Raises:
        OutputError: the folder cannot be written.
    """
    with whole_file(folder / MANIFEST_NAME) as partial:
        partial.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_token_manifest(folder: Path) -> tuple[TokenManifest, str]:
    """Return the manifest of a tokenised corpus and its SHA-256.

    Raises:
        VerificationError: it is missing, cannot be read, contradicts itself, or is of another version.
    """
    path = folder / MANIFEST_NAME
    try:
        given = path.read_bytes()
        return TokenManifest.model_validate_json(given), hashlib.sha256(given).hexdigest()
    except OSError as error:
        reason = f"{error.strerror}; a tokenised corpus without its manifest is not finished, export it again"
        raise VerificationError(f"cannot read {path}: {reason}") from None
    except ValidationError as error:
        inner = folder / FOLDER
        there = f"; {inner} is one" if (inner / MANIFEST_NAME).is_file() else ""
        raise VerificationError(f"{path} is no manifest of a tokenised corpus: {problem(error)}{there}") from None
