"""The files that other people's trainers read: Megatron's indexed dataset, datatrove's .ds and OLMo's arrays."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reflectgen.export.kinds import Weights
from reflectgen.export.token_manifest import TOKENIZER_FOLDER, dtype_for
from reflectgen.export.token_writer import Layout, ShardWriter, TokenShardWriter, little_endian

Tokens = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.uint8]

MEGATRON_HEADER = b"MMIDIDX\x00\x00" + struct.pack("<Q", 1)
_MEGATRON_CODES = {"uint8": 1, "int32": 4, "uint16": 8}


class TokenFormat(StrEnum):
    """What tokens are written as, each in its own folder of that name."""

    TOKENS = "tokens"
    MEGATRON = "megatron"
    DATATROVE = "datatrove"
    OLMO = "olmo"


class MegatronWriter(ShardWriter):
    """An indexed dataset (version 1), one sequence a document, and one of the same shape with loss weights as bytes."""

    suffixes = (".bin", ".idx", "_weights.bin", "_weights.idx")

    def __init__(self, folder: Path | None, name: str, layout: Layout) -> None:
        super().__init__(folder, name, layout)
        self._lengths: list[int] = []
        self._weights = byte_weights(layout.weights)

    @staticmethod
    def path_of(name: str, suffix: str) -> str:
        return name + suffix

    def write(self, ids: Tokens, kinds: Kinds) -> None:
        self.files[0].write(little_endian(ids, megatron_dtype(self.layout.vocab_size)))
        self.files[2].write(self._weights[kinds].tobytes())
        self._lengths.append(len(ids))

    def finish(self) -> None:
        for file, dtype in ((self.files[1], megatron_dtype(self.layout.vocab_size)), (self.files[3], "uint8")):
            lengths = np.array(self._lengths, np.int64)
            starts = (np.cumsum(lengths) - lengths) * np.dtype(dtype).itemsize
            file.write(MEGATRON_HEADER + struct.pack("<BQQ", _MEGATRON_CODES[dtype], len(lengths), len(lengths) + 1))
            file.write(little_endian(lengths, "int32") + little_endian(starts, "int64"))
            file.write(little_endian(np.arange(len(lengths) + 1), "int64"))


class DatatroveWriter(ShardWriter):
    """A .ds file with its index, and the loss of every token as one byte, true or false."""

    suffixes = ("ds", "ds.index", "ds.loss", "ds.metadata")

    def write(self, ids: Tokens, kinds: Kinds) -> None:
        tokens, ends, loss, _ = self.files
        tokens.write(little_endian(ids, dtype_for(self.layout.vocab_size)))
        ends.write(self.num_tokens.to_bytes(8, "little"))
        loss.write(mask(self.layout.weights)[kinds].tobytes())

    def finish(self) -> None:
        size = np.dtype(dtype_for(self.layout.vocab_size)).itemsize
        said = f"{TOKENIZER_FOLDER}|{size}\n{self.num_tokens}\n{metric(self.num_tokens)}"
        self.files[3].write(said.encode())


class OlmoWriter(ShardWriter):
    """A bare array of ids, one of whether each is learnt, and the documents' starts and ends as lines of text.

    OLMo-core finds documents by their end-of-text where it is told its id; one that follows an unsafe verdict within a
    document then parts it. The lines do not.
    """

    suffixes = (".npy", ".csv.gz", ".mask")

    def __init__(self, folder: Path | None, name: str, layout: Layout) -> None:
        super().__init__(folder, name, layout)
        # A gzip header without a time or a name, so that the same documents are the same bytes.
        self._gzip = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)

    @staticmethod
    def path_of(name: str, suffix: str) -> str:
        return f"label_mask/{name}.npy" if suffix == ".mask" else name + suffix

    def write(self, ids: Tokens, kinds: Kinds) -> None:
        tokens, lines, learnt = self.files
        tokens.write(little_endian(ids, dtype_for(self.layout.vocab_size)))
        lines.write(self._gzip.compress(f"{self.num_tokens - len(ids)},{self.num_tokens}\n".encode()))
        learnt.write(mask(self.layout.weights)[kinds].tobytes())

    def finish(self) -> None:
        self.files[1].write(self._gzip.flush())


WRITERS: dict[TokenFormat, Callable[[Path | None, str, Layout], ShardWriter]] = {
    TokenFormat.TOKENS: TokenShardWriter,
    TokenFormat.MEGATRON: MegatronWriter,
    TokenFormat.DATATROVE: DatatroveWriter,
    TokenFormat.OLMO: OlmoWriter,
}


def megatron_dtype(vocab_size: int) -> str:
    return "uint16" if dtype_for(vocab_size) == "uint16" else "int32"


def mask(weights: Weights) -> npt.NDArray[np.bool_]:
    """Return, by kind, whether a token of it is learnt."""
    return np.array(weights.by_kind()) > 0


def byte_weights(weights: Weights) -> npt.NDArray[np.uint8]:
    """Return, by kind, the weight as a byte: itself where all are whole numbers, else in 255ths of the greatest.

    A weight above 0 never becomes 0.
    """
    given = np.array(weights.by_kind())
    if np.all(given == np.round(given)) and given.max() <= 255:
        return given.astype(np.uint8)
    return np.where(given > 0, np.maximum(np.round(given / given.max() * 255), 1), 0).astype(np.uint8)


def metric(num_tokens: int) -> str:
    """Return a number as datatrove words it: three digits and a unit, such as "12.3 kT"."""
    power = min(max(len(str(num_tokens)) - 1, 0) // 3, 5)
    scaled = num_tokens / 1000**power
    digits = 2 - (len(str(int(scaled))) - 1) if num_tokens else 2
    return f"{scaled:.{max(digits, 0)}f} {['', 'k', 'M', 'G', 'T', 'P'][power]}T"
