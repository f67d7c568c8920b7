"""Token shards: a tokenised corpus as plain arrays that a trainer maps into memory.

    manifest.json                   written last; see `token_manifest`
    tokenizer/                      the tokenizer, with our markers in it
    train-00000-of-00004.tokens     ids, little-endian uint16 or uint32, documents back to back
    train-00000-of-00004.kinds      uint8, the `Kind` of every token
    train-00000-of-00004.ends       uint64, where each document ends, in tokens from the start of the shard

Every document ends with the end-of-text id, once. Reading and writing need NumPy alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reflectgen.errors import VerificationError
from reflectgen.export.hashed import check_file, check_size
from reflectgen.export.token_manifest import (
    ENDS,
    FORMAT,
    KINDS,
    TOKENS,
    TokenFile,
    TokenManifest,
    TokenShard,
    read_token_manifest,
)
from reflectgen.export.token_writer import TokenShardsWriter

__all__ = ["TokenShards", "TokenShardsWriter"]


class TokenShards:
    """A folder of token shards as one long sequence; `document_ends` and all ranges count tokens of all shards."""

    def __init__(self, folder: Path, manifest: TokenManifest, manifest_sha256: str) -> None:
        self.folder = folder
        self.manifest = manifest
        self.manifest_sha256 = manifest_sha256
        self.num_tokens = manifest.num_tokens
        self.num_documents = manifest.num_documents
        self.vocab_size = manifest.vocab_size
        self.end_of_text_id = manifest.end_of_text_id
        self._tokens = [self._map(shard, TOKENS, manifest.dtype) for shard in manifest.shards]
        self._kinds = [self._map(shard, KINDS, "uint8") for shard in manifest.shards]
        # Token `starts[i]` is the first of shard i.
        self._starts = np.cumsum([0, *(shard.num_tokens for shard in manifest.shards)], dtype=np.int64)
        self.document_ends = self._document_ends()

    @classmethod
    def open(cls, folder: Path, *, verify: bool = False) -> TokenShards:
        """Open a folder; `verify` reads and hashes every byte of it.

        Raises:
            VerificationError: a file is missing, cut short or corrupt, or the manifest is not of this version.
        """
        manifest, sha256 = read_token_manifest(folder)
        if manifest.format != FORMAT:
            raise VerificationError(f"{folder} holds {manifest.format}, not {FORMAT}; export it with --format tokens")
        if verify:
            for file in _files(manifest):
                check_file(folder, file)
        opened = cls(folder, manifest, sha256)
        if verify:
            opened._check_ids()
        return opened

    def tokens(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Return the ids from `start` up to `stop`, which may lie in several shards.

        Raises:
            IndexError: the range is not within the corpus.
        """
        return self._read(self._tokens, start, stop).astype(np.int64)

    def kinds(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Return the kinds of the tokens from `start` up to `stop`.

        Raises:
            IndexError: the range is not within the corpus.
        """
        return self._read(self._kinds, start, stop)

    @cached_property
    def weights(self) -> npt.NDArray[np.float32]:
        """The default loss weight of each kind: `weights[kinds]` are those of tokens."""
        return np.array(self.manifest.weights.by_kind(), np.float32)

    def _read(self, parts: list[npt.NDArray[Any]], start: int, stop: int) -> npt.NDArray[Any]:
        if not 0 <= start <= stop <= self.num_tokens:
            raise IndexError(f"{self.folder} has {self.num_tokens} tokens, not those from {start} to {stop}")
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        found = []
        for shard in range(first, len(parts)):
            begin = int(self._starts[shard])
            if begin >= stop:
                break
            found.append(parts[shard][max(start - begin, 0) : stop - begin])
        # A copy, never a view of the file.
        return np.concatenate(found) if found else np.empty(0, np.uint8)

    def _document_ends(self) -> npt.NDArray[np.int64]:
        ends = [np.empty(0, np.int64)]
        for shard, start in zip(self.manifest.shards, self._starts, strict=False):
            found = np.fromfile(self._path(shard, ENDS, 8 * shard.num_documents), "<u8").astype(np.int64)
            if (found.size and found[-1] != shard.num_tokens) or np.any(np.diff(found, prepend=0) <= 0):
                raise VerificationError(
                    f"{self.folder / shard.name}.{ENDS} is not where its documents end; export again"
                )
            ends.append(found + start)
        return np.concatenate(ends)

    def _map(self, shard: TokenShard, suffix: str, dtype: str) -> npt.NDArray[Any]:
        stored = np.dtype(dtype).newbyteorder("<")
        path = self._path(shard, suffix, stored.itemsize * shard.num_tokens)
        # An empty file cannot be mapped.
        return np.memmap(path, stored, mode="r") if shard.num_tokens else np.empty(0, stored)

    def _path(self, shard: TokenShard, suffix: str, num_bytes: int) -> Path:
        path = self.folder / f"{shard.name}.{suffix}"
        check_size(path, num_bytes)
        return path

    def _check_ids(self) -> None:
        for shard, ids in zip(self.manifest.shards, self._tokens, strict=True):
            for start in range(0, len(ids), 1 << 24):
                if ids[start : start + (1 << 24)].max() >= self.vocab_size:
                    raise VerificationError(f"{shard.name}.{TOKENS} holds ids beyond the vocabulary; export again")


def _files(manifest: TokenManifest) -> Iterator[TokenFile]:
    if manifest.tokenizer:
        yield manifest.tokenizer
    for shard in manifest.shards:
        yield from shard.files
