"""What can be learnt from: anything that has tokens, their kinds and where documents end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from reflectgen.errors import InputError
from reflectgen.export.token_writer import ended

Ids = Sequence[int] | npt.NDArray[Any]


class TokenData(Protocol):
    """Documents back to back, each ended by the end-of-text id; `TokenShards` is one. Ranges count tokens."""

    @property
    def num_tokens(self) -> int: ...
    @property
    def num_documents(self) -> int: ...
    @property
    def document_ends(self) -> npt.NDArray[np.int64]: ...
    @property
    def manifest_sha256(self) -> str:
        """What it is, told apart from any other data."""

    def tokens(self, start: int, stop: int) -> npt.NDArray[np.int64]: ...
    def kinds(self, start: int, stop: int) -> npt.NDArray[np.uint8]: ...


class TokenArrays:
    """Documents in memory, each a pair of ids and kinds; its end-of-text id is added unless it ends with one.

    Raises:
        ValueError: a document has not as many kinds as ids.
    """

    def __init__(self, documents: Iterable[tuple[Ids, Ids]], end_of_text_id: int) -> None:
        whole = [ended(ids, kinds, end_of_text_id) for ids, kinds in documents]
        self._ids = np.concatenate([np.empty(0, np.int64), *(ids for ids, _ in whole)])
        self._kinds = np.concatenate([np.empty(0, np.uint8), *(kinds for _, kinds in whole)])
        self.document_ends = np.cumsum([len(ids) for ids, _ in whole], dtype=np.int64)
        self.num_tokens, self.num_documents = len(self._ids), len(whole)
        digest = hashlib.sha256()
        for part in (self._ids, self._kinds, self.document_ends):
            digest.update(part.tobytes())
        self.manifest_sha256 = digest.hexdigest()

    def tokens(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        return self._ids[start:stop]

    def kinds(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        return self._kinds[start:stop]


@dataclass(frozen=True, slots=True)
class DocumentRange:
    """The documents of `whole` from `first` up to `last` as data of their own."""

    whole: TokenData
    first: int
    last: int

    @property
    def _start(self) -> int:
        return int(self.whole.document_ends[self.first - 1]) if self.first else 0

    @property
    def num_tokens(self) -> int:
        return (int(self.whole.document_ends[self.last - 1]) if self.last else 0) - self._start

    @property
    def num_documents(self) -> int:
        return self.last - self.first

    @property
    def document_ends(self) -> npt.NDArray[np.int64]:
        return self.whole.document_ends[self.first : self.last] - self._start

    @property
    def manifest_sha256(self) -> str:
        return self.whole.manifest_sha256

    def tokens(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        return self.whole.tokens(start + self._start, stop + self._start)

    def kinds(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        return self.whole.kinds(start + self._start, stop + self._start)


def hold_out(data: TokenData, share: float) -> tuple[TokenData, TokenData | None]:
    """Return the documents to learn and those from the end to measure; at least one of them where `share` > 0.

    Raises:
        InputError: there are too few documents to part them.
    """
    if not share:
        return data, None
    if data.num_documents < 2:
        raise InputError("the corpus has too few documents to hold any out; set data.held_out to 0")
    first = data.num_documents - max(1, round(share * data.num_documents))
    return DocumentRange(data, 0, first), DocumentRange(data, first, data.num_documents)
