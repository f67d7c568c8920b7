"""Sequences of one length from documents of any: every token is in exactly one sequence of an epoch, none is cropped.

A packing answers which ranges of the data make up row `row` of epoch `epoch`; rows are then visited in the order of
`order.permuted`. Nothing depends on how often or by whom it was asked before.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from reflectgen.errors import InputError
from reflectgen.train.data import TokenData
from reflectgen.train.order import key_of, permuted

Piece = tuple[int, int]

OFFSET, ROWS, DOCUMENTS = range(3)  # what a key is for


class Packing(Protocol):
    num_rows: int  # of one epoch

    def pieces(self, epoch: int, row: int) -> list[Piece]:
        """Return ranges of tokens, at most a sequence's length in all; a piece may hold several documents."""


class StreamPacking:
    """The corpus as one ring, cut every `length` tokens from a place that each epoch chooses anew."""

    def __init__(self, data: TokenData, length: int, seed: int) -> None:
        self._num_tokens, self._length, self._seed = data.num_tokens, length, seed
        self.num_rows = -(-data.num_tokens // length)

    def pieces(self, epoch: int, row: int) -> list[Piece]:
        offset = key_of(self._seed, OFFSET, epoch) % self._num_tokens
        begin = offset + row * self._length
        end = min(begin + self._length, offset + self._num_tokens)
        if end <= self._num_tokens:
            return [(begin, end)]
        if begin >= self._num_tokens:
            return [(begin - self._num_tokens, end - self._num_tokens)]
        return [(begin, self._num_tokens), (0, end - self._num_tokens)]


class WholePacking:
    """Documents in a shuffled order, one after the other into a row as long as they fit; longer ones are cut alone.

    Its memory is two numbers a piece, so it is for data of up to some ten million documents.
    """

    def __init__(self, data: TokenData, length: int, seed: int) -> None:
        ends = np.asarray(data.document_ends)
        starts = np.concatenate([[0], ends[:-1]])
        key = key_of(seed, DOCUMENTS)
        self._pieces: list[Piece] = []
        self._row_starts = [0]
        room = length
        for place in range(len(ends)):
            document = permuted(place, len(ends), key)
            for begin in range(int(starts[document]), int(ends[document]), length):
                end = min(begin + length, int(ends[document]))
                if end - begin > room:
                    self._row_starts.append(len(self._pieces))
                    room = length
                self._pieces.append((begin, end))
                room -= end - begin
        self.num_rows = len(self._row_starts)
        self._row_starts.append(len(self._pieces))

    def pieces(self, epoch: int, row: int) -> list[Piece]:
        return self._pieces[self._row_starts[row] : self._row_starts[row + 1]]


def pack(data: TokenData, length: int, seed: int, how: Literal["stream", "whole"]) -> Packing:
    """Return a packing of the data.

    Raises:
        InputError: there is nothing to learn from.
    """
    if not data.num_tokens:
        raise InputError("the corpus has no token to learn from; export one that has documents")
    return (StreamPacking if how == "stream" else WholePacking)(data, length, seed)


def rows_of_step(packing: Packing, batch_size: int, seed: int, step: int) -> list[list[Piece]]:
    """Return the pieces of each row of a step (the first is 0); epochs follow one another without a gap."""
    rows = []
    for place in range(step * batch_size, (step + 1) * batch_size):
        epoch, index = divmod(place, packing.num_rows)
        rows.append(packing.pieces(epoch, permuted(index, packing.num_rows, key_of(seed, ROWS, epoch))))
    return rows
