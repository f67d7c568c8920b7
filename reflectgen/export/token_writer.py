"""Writing token shards: one shard's files document by document, and a whole small corpus at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from reflectgen.export.kinds import Kind
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.export.token_manifest import (
    ENDS,
    FORMAT,
    KINDS,
    TOKENS,
    TokenFile,
    TokenManifest,
    TokenShard,
    dtype_for,
    sum_by_kind,
    write_token_manifest,
)
from reflectgen.shards import cannot_write, whole_file

Ids = Sequence[int] | npt.NDArray[Any]


class HashedFile:
    """A file that is written once from start to end, and knows its SHA-256 then; whole or absent."""

    def __init__(self, folder: Path, name: str) -> None:
        self._name = name
        self._path = folder / name
        self._sha256 = hashlib.sha256()
        self._num_bytes = 0
        self._open = ExitStack()

    def write(self, data: bytes) -> None:
        self._sha256.update(data)
        self._num_bytes += len(data)
        self._file.write(data)

    def entry(self) -> TokenFile:
        return TokenFile(path=self._name, sha256=self._sha256.hexdigest(), num_bytes=self._num_bytes)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            partial = stack.enter_context(whole_file(self._path))
            try:
                self._file = stack.enter_context(partial.open("wb"))
            except OSError as error:
                raise cannot_write(self._path, error) from error
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)


class TokenShardWriter:
    """Writes the three files of one shard, which are there once the context ends; `shard()` then describes them."""

    def __init__(self, folder: Path, name: str, vocab_size: int, end_of_text_id: int) -> None:
        self._name = name
        self._vocab_size = vocab_size
        self._end_of_text_id = end_of_text_id
        self._dtype = np.dtype(dtype_for(vocab_size)).newbyteorder("<")
        self._files = [HashedFile(folder, f"{name}.{suffix}") for suffix in (TOKENS, KINDS, ENDS)]
        self._open = ExitStack()
        self._num_documents = 0
        self._num_tokens = 0
        self._by_kind = np.zeros(len(Kind), np.int64)

    def add(self, ids: Ids, kinds: Ids) -> None:
        """Add one document; its end-of-text id is added, unless it ends with one.

        Raises:
            ValueError: an id is not of the vocabulary, or there are not as many kinds as ids.
        """
        found, of_kind = ended(ids, kinds, self._end_of_text_id)
        if found.min() < 0 or found.max() >= self._vocab_size:
            raise ValueError(f"an id is not of the vocabulary of {self._vocab_size}: {found.min()} or {found.max()}")
        self._num_documents += 1
        self._num_tokens += len(found)
        self._by_kind += np.bincount(of_kind, minlength=len(Kind))
        for file, data in zip(
            self._files, (found.astype(self._dtype), of_kind, np.uint64(self._num_tokens)), strict=True
        ):
            file.write(data.tobytes())

    def shard(self, source_sha256: str = "") -> TokenShard:
        return TokenShard(
            name=self._name,
            source_sha256=source_sha256,
            num_documents=self._num_documents,
            num_tokens=self._num_tokens,
            tokens_by_kind={kind.name.lower(): int(self._by_kind[kind]) for kind in Kind},
            files=[file.entry() for file in self._files],
        )

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for file in self._files:
                stack.enter_context(file)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)


class TokenShardsWriter:
    """Writes a corpus of given tokens, document by document, in one pass: the folder of `TokenShards`.

    `about` are fields of `TokenManifest`: `weights`, `marker_ids`, `arm` and so on. Documents go into `num_shards`
    shards in turn, so they are read back in another order if there are several.
    """

    def __init__(
        self, folder: Path, *, vocab_size: int, end_of_text_id: int, num_shards: int = 1, **about: Any
    ) -> None:
        self._folder = folder
        self._about = {"vocab_size": vocab_size, "end_of_text_id": end_of_text_id, **about}
        names = [f"train-{number:05d}-of-{num_shards:05d}" for number in range(num_shards)]
        self._shards = [TokenShardWriter(folder, name, vocab_size, end_of_text_id) for name in names]
        self._open = ExitStack()
        self._num_documents = 0

    def add(self, ids: Ids, kinds: Ids) -> None:
        """Add one document; see `TokenShardWriter.add`."""
        self._shards[self._num_documents % len(self._shards)].add(ids, kinds)
        self._num_documents += 1

    def __enter__(self) -> Self:
        (self._folder / MANIFEST_NAME).unlink(missing_ok=True)
        with ExitStack() as stack:
            for shard in self._shards:
                stack.enter_context(shard)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)
        if error is None:
            shards = [writer.shard() for writer in self._shards]
            write_token_manifest(self._folder, manifest_of(shards, FORMAT, self._about))


def manifest_of(shards: list[TokenShard], format_: str, about: dict[str, Any]) -> TokenManifest:
    """Return the manifest of these shards; `about` are its other fields."""
    return TokenManifest(
        format=format_,
        **{"dtype": dtype_for(about["vocab_size"]), **about},
        num_documents=sum(shard.num_documents for shard in shards),
        num_tokens=sum(shard.num_tokens for shard in shards),
        tokens_by_kind=sum_by_kind(shards),
        shards=shards,
    )


def ended(ids: Ids, kinds: Ids, end_of_text_id: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Return a document's ids and kinds with its end-of-text, once, at the end.

    Raises:
        ValueError: there are not as many kinds as ids, or a kind that is none.
    """
    found, of_kind = np.asarray(ids, np.int64), np.asarray(kinds, np.uint8)
    if found.ndim != 1 or found.shape != of_kind.shape:
        raise ValueError(f"a document has {found.size} ids but {of_kind.size} kinds")
    if of_kind.size and of_kind.max() >= len(Kind):
        raise ValueError(f"there is no kind {of_kind.max()}")
    if found.size and found[-1] == end_of_text_id:
        return found, of_kind
    return np.append(found, end_of_text_id), np.append(of_kind, np.uint8(Kind.END_OF_TEXT))
