"""Writing the files of one shard of a tokenised corpus, document by document: the frame, and our own token shards."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from reflectgen.export.kinds import Kind, Weights
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
from reflectgen.shards import whole_file

Ids = Sequence[int] | npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the writer of any format must know of the tokens."""

    vocab_size: int
    end_of_text_id: int
    weights: Weights


class HashedFile:
    """A file that is written from start to end, whole or absent, and knows its SHA-256 then.

    Without a folder nothing is written, and the hash is all there is.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self.path = folder / name if folder else None
        self._name = name
        self._sha256 = hashlib.sha256()
        self._num_bytes = 0

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Raises OutputError if it cannot be written, or the disk is full."""
        if self.path is None:
            self._write: Any = len
            yield
            return
        with whole_file(self.path) as partial, partial.open("wb") as file:
            self._write = file.write
            yield

    def write(self, data: bytes) -> None:
        self._sha256.update(data)
        self._num_bytes += len(data)
        self._write(data)

    def entry(self) -> TokenFile:
        return TokenFile(path=self._name, sha256=self._sha256.hexdigest(), num_bytes=self._num_bytes)


class ShardWriter(ABC):
    """Writes one shard of a format; its files are there once `opened` ends, and `shard` then describes them."""

    suffixes: tuple[str, ...]  # of its files; a subclass names them

    def __init__(self, folder: Path | None, name: str, layout: Layout) -> None:
        self.name = name
        self.layout = layout
        self.files = [HashedFile(folder, self.path_of(name, suffix)) for suffix in self.suffixes]
        self.num_documents = 0
        self.num_tokens = 0
        self._by_kind = np.zeros(len(Kind), np.int64)

    @staticmethod
    def path_of(name: str, suffix: str) -> str:
        return f"{name}.{suffix}"

    @contextmanager
    def opened(self) -> Iterator[Self]:
        """Raises OutputError if a file cannot be written, or the disk is full."""
        with ExitStack() as stack:
            for file in self.files:
                stack.enter_context(file.opened())
            yield self
            self.finish()

    def add(self, ids: Ids, kinds: Ids) -> None:
        """Add one document; its end-of-text id is added, unless it ends with one.

        Raises:
            ValueError: an id is not of the vocabulary, or there are not as many kinds as ids.
        """
        found, of_kind = ended(ids, kinds, self.layout.end_of_text_id)
        if found.min() < 0 or found.max() >= self.layout.vocab_size:
            of_them = f"{found.min()} to {found.max()}"
            raise ValueError(f"the ids, {of_them}, are not all of the vocabulary of {self.layout.vocab_size}")
        self.num_documents += 1
        self.num_tokens += len(found)
        self._by_kind += np.bincount(of_kind, minlength=len(Kind))
        self.write(found, of_kind)

    @abstractmethod
    def write(self, ids: npt.NDArray[np.int64], kinds: npt.NDArray[np.uint8]) -> None:
        """Write one document, its end-of-text included; it is counted already."""

    def finish(self) -> None:  # noqa: B027 - most formats have nothing to add
        """Write what is known only at the end."""

    def shard(self, source_sha256: str = "") -> TokenShard:
        return TokenShard(
            name=self.name,
            source_sha256=source_sha256,
            num_documents=self.num_documents,
            num_tokens=self.num_tokens,
            tokens_by_kind={kind.name.lower(): int(self._by_kind[kind]) for kind in Kind},
            files=[file.entry() for file in self.files],
        )


class TokenShardWriter(ShardWriter):
    """Writes a shard of the folder that `token_shards` describes."""

    suffixes = (TOKENS, KINDS, ENDS)

    def write(self, ids: npt.NDArray[np.int64], kinds: npt.NDArray[np.uint8]) -> None:
        tokens, of_kind, ends = self.files
        tokens.write(little_endian(ids, dtype_for(self.layout.vocab_size)))
        of_kind.write(kinds.tobytes())
        ends.write(self.num_tokens.to_bytes(8, "little"))


class TokenShardsWriter:
    """Writes a corpus of given tokens, document by document: a folder that `TokenShards` opens once the context ends.

    `about` are fields of `TokenManifest`: `weights`, `marker_ids`, `arm` and so on. Documents go into `num_shards`
    shards in turn, so if there are several they are read back in another order.
    """

    def __init__(
        self, folder: Path, *, vocab_size: int, end_of_text_id: int, num_shards: int = 1, **about: Any
    ) -> None:
        self._folder = folder
        self._about = {"format": FORMAT, "dtype": dtype_for(vocab_size), "vocab_size": vocab_size, **about}
        self._about["end_of_text_id"] = end_of_text_id
        layout = Layout(vocab_size, end_of_text_id, about.get("weights", Weights()))
        names = [f"train-{number:05d}-of-{num_shards:05d}" for number in range(num_shards)]
        self._writers = [TokenShardWriter(folder, name, layout) for name in names]
        self._num_documents = 0

    def add(self, ids: Ids, kinds: Ids) -> None:
        """Add one document; see `ShardWriter.add`."""
        self._writers[self._num_documents % len(self._writers)].add(ids, kinds)
        self._num_documents += 1

    def __enter__(self) -> Self:
        (self._folder / MANIFEST_NAME).unlink(missing_ok=True)
        with ExitStack() as stack:
            for writer in self._writers:
                stack.enter_context(writer.opened())
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)
        if error is None:
            shards = [writer.shard() for writer in self._writers]
            write_token_manifest(self._folder, manifest_of(shards, self._about))


def manifest_of(shards: list[TokenShard], about: dict[str, Any]) -> TokenManifest:
    """Return the manifest of these shards; `about` are its other fields."""
    return TokenManifest(
        **about,
        num_documents=sum(shard.num_documents for shard in shards),
        num_tokens=sum(shard.num_tokens for shard in shards),
        tokens_by_kind=sum_by_kind(shards),
        shards=shards,
    )


def little_endian(ids: npt.NDArray[Any], dtype: str) -> bytes:
    return ids.astype(np.dtype(dtype).newbyteorder("<")).tobytes()


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
