"""Rows of tokens as arrays that a model takes, still NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reflectgen.train.data import TokenData
from reflectgen.train.packing import Piece

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """All arrays are (rows, length). `targets` are the tokens to come; where nothing is learnt, their weight is 0.

    `positions` start again with every document under document masking. `documents` tells which tokens of a row
    belong together; padding has a number of its own.
    """

    ids: Array
    targets: Array
    weights: Array  # float32
    kinds: Array  # of the targets; uint8
    positions: Array
    documents: Array

    @property
    def total_weight(self) -> float:
        return float(self.weights.sum(dtype=np.float64))

    def rows(self, start: int, stop: int) -> Batch:
        """Return some of the rows."""
        return Batch(*(getattr(self, field.name)[start:stop] for field in fields(self)))

    def without_padding(self) -> Batch:
        """Return the same rows without the padding at the end of all of them."""
        length = int((self.documents >= 0).any(axis=0).sum())
        return Batch(*(getattr(self, field.name)[:, :length] for field in fields(self)))

    def without_weight(self) -> Batch:
        """Return the same rows, with nothing in them to learn or to measure."""
        return replace(self, weights=np.zeros_like(self.weights))


def make_batch(
    data: TokenData, rows: Sequence[list[Piece]], length: int, weights: Sequence[float], document_masking: bool
) -> Batch:
    """Return the batch of these rows.

    Without document masking a row is one text, and what follows a document's end is learnt too.
    """
    shape = (len(rows), length)
    batch = Batch(
        ids=np.zeros(shape, np.int64),
        targets=np.zeros(shape, np.int64),
        weights=np.zeros(shape, np.float32),
        kinds=np.zeros(shape, np.uint8),
        positions=np.zeros(shape, np.int64),
        documents=np.full(shape, -1, np.int64),
    )
    by_kind = np.asarray(weights, np.float32)
    for row, pieces in enumerate(rows):
        at = 0
        for start, stop in pieces:
            place = slice(at, at + stop - start)
            _fill(batch, row, place, data, start, stop, by_kind, document_masking)
            at = place.stop
    return batch


def _fill(
    batch: Batch,
    row: int,
    place: slice,
    data: TokenData,
    start: int,
    stop: int,
    by_kind: Array,
    document_masking: bool,
) -> None:
    # One token more than the piece, as the last one's target; the data's last token has none.
    known = min(stop + 1, data.num_tokens)
    ids, kinds = data.tokens(start, known), data.kinds(start, known)
    length, with_target = stop - start, known - start - 1
    targets = slice(place.start, place.start + with_target)
    batch.ids[row, place] = ids[:length]
    batch.targets[row, targets] = ids[1:]
    batch.kinds[row, targets] = kinds[1:]
    batch.weights[row, targets] = by_kind[kinds[1:]]
    if not document_masking:
        batch.positions[row, place] = np.arange(place.start, place.stop)
        batch.documents[row, place] = 0
        return
    ends = data.document_ends
    first = int(np.searchsorted(ends, start, side="right"))
    last = int(np.searchsorted(ends, stop, side="left"))
    inner = np.asarray(ends[first:last]) - start  # where documents end before the piece does
    bounds = np.concatenate([[0], inner, [length]])
    lengths = np.diff(bounds)
    batch.positions[row, place] = np.arange(length) - np.repeat(bounds[:-1], lengths)
    batch.documents[row, place] = np.repeat(np.arange(len(lengths)), lengths) + place.start
    batch.weights[row, place.start + inner - 1] = 0.0
    if last < len(ends) and ends[last] == stop:
        batch.weights[row, place.stop - 1] = 0.0
