"""A tokenizer for text that nobody vouches for: however text spells a control token, its id does not come out.

Control tokens are our markers, the tokenizer's special tokens, and those of its added tokens that stand in brackets, as
`<|im_start|>`, `<tool_call>` and `[INST]` do, special or not. Other added tokens (runs of spaces, words) are text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tokenizers

from reflectgen.export.marked_tokenizer import MarkedTokenizer

Ids = npt.NDArray[np.uint32]

_BRACKETED = re.compile(r"<.+>|\[.+\]|\{.+\}", re.DOTALL)
# An encoding takes some 100 bytes a token, so texts are tokenised a few at a time, and a long one in pieces.
BATCH_CHARACTERS = 1 << 18
PIECE_CHARACTERS = 1 << 20
_WORD_START = re.compile(r"(?<=\w) (?=\w)")


class PlainTokenizer:
    """Tokenises texts. `first` texts stand at a document's start: some tokenizers put a space before those alone."""

    def __init__(self, marked: MarkedTokenizer) -> None:
        said: dict[str, Any] = json.loads(marked.content)
        added: list[dict[str, Any]] = said["added_tokens"]
        controls = [t for t in added if t["special"] or t["content"] in marked.marker_ids or is_bracketed(t["content"])]
        said.update(added_tokens=[token for token in added if token not in controls])
        # No template's tokens, nothing cut off or filled up, nothing by chance.
        said.update(post_processor=None, truncation=None, padding=None)
        said["model"]["dropout"] = None
        self._tokenizer = tokenizers.Tokenizer.from_str(json.dumps(said))
        self._first = self._tokenizer
        if _never_first(said.get("pre_tokenizer")):
            self._first, self._tokenizer = self._tokenizer, tokenizers.Tokenizer.from_str(json.dumps(said))
        self._ids = self._renumbered(said["added_tokens"], marked.vocab_size)
        self._is_control = np.zeros(marked.vocab_size, bool)
        self._is_control[[token["id"] for token in controls]] = True
        # What the tokenizer does not know comes out as this, which is right unless the text spells it.
        self._unknown = _unknown(said["model"])
        if self._unknown in [token["content"] for token in controls]:
            self._is_control[next(token["id"] for token in controls if token["content"] == self._unknown)] = False

    def encode(self, texts: Sequence[str], first: Sequence[bool]) -> Iterator[Ids]:
        """Yield the ids of each text."""
        parts: list[Ids] = []
        for batch in _batches(_pieces(texts, first)):
            for piece, ids in zip(batch, self._encoded(batch), strict=True):
                forged = self._is_control[ids].any() or (self._unknown and self._unknown in piece.text)
                parts.append(self._spelt_out(piece)[0] if forged else ids)
                if piece.is_last:
                    yield parts[0] if len(parts) == 1 else np.concatenate(parts)
                    parts = []

    def ends(self, text: str, first: bool) -> npt.NDArray[np.int64]:
        """Return where each token of a text ends, in code points."""
        found, start = [], 0
        for piece in _pieces([text], [first]):
            found.append(self._spelt_out(piece)[1] + start)
            start += len(piece.text)
        return np.concatenate(found)

    def _encoded(self, batch: list[_Piece]) -> list[Ids]:
        if self._first is self._tokenizer:
            found = self._tokenizer.encode_batch_fast([piece.text for piece in batch], add_special_tokens=False)
        else:
            found = [self._of(piece.is_first).encode(piece.text, add_special_tokens=False) for piece in batch]
        lists = [encoding.ids for encoding in found]
        lengths = np.array([len(ids) for ids in lists])
        flat = self._ids[np.fromiter(chain.from_iterable(lists), np.uint32, lengths.sum())]
        return np.split(flat, np.cumsum(lengths)[:-1])

    def _spelt_out(self, piece: _Piece) -> tuple[Ids, npt.NDArray[np.int64]]:
        """Return the ids of a text and where each token ends; a control token is cut after its first character."""
        found_ids, found_ends = [np.empty(0, np.uint32)], [np.empty(0, np.int64)]
        left = [(0, len(piece.text))]
        while left:
            start, end = left.pop()
            text = piece.text[start:end]
            encoding = self._of(piece.is_first and start == 0).encode(text, add_special_tokens=False)
            ids = self._ids[np.array(encoding.ids, np.uint32)]
            forged = self._is_control[ids]
            cuts = {a + 1 for (a, b), bad in zip(encoding.offsets, forged, strict=True) if bad and b - a > 1}
            if len(self._unknown) > 1:
                cuts |= {found.start() + 1 for found in re.finditer(re.escape(self._unknown), text)}
            if cuts:
                left += reversed([(start + a, start + b) for a, b in pairwise([0, *sorted(cuts), len(text)])])
            else:
                # A single character that reads as a control token has nothing left to be written as.
                found_ids.append(ids[~forged])
                found_ends.append(np.array([b + start for _, b in encoding.offsets], np.int64)[~forged])
        return np.concatenate(found_ids), np.concatenate(found_ends)

    def _of(self, first: bool) -> tokenizers.Tokenizer:
        return self._first if first else self._tokenizer

    def _renumbered(self, kept: list[dict[str, Any]], vocab_size: int) -> Ids:
        """Return the real id of each id: the library numbers added tokens anew where some are left out."""
        ids = np.arange(vocab_size, dtype=np.uint32)
        for token in kept:
            ids[self._tokenizer.token_to_id(token["content"])] = token["id"]
        return ids


def is_bracketed(token: str) -> bool:
    return _BRACKETED.fullmatch(token) is not None


def _never_first(pre_tokenizer: Any) -> bool:
    """Make a pre-tokenizer never put a space at the start; return whether it did so only at a document's."""
    if not isinstance(pre_tokenizer, dict):
        return False
    found = [_never_first(part) for part in pre_tokenizer.get("pretokenizers", [])]
    if pre_tokenizer.get("prepend_scheme") == "first":
        pre_tokenizer["prepend_scheme"] = "never"
        return True
    return any(found)


def _unknown(model: dict[str, Any]) -> str:
    """Return the token that a model writes for what it does not know, or "" if it knows everything."""
    if model.get("unk_token"):
        return str(model["unk_token"])
    return str(model["vocab"][model["unk_id"]][0]) if model.get("unk_id") is not None else ""


class _Piece(NamedTuple):
    text: str
    is_first: bool
    is_last: bool


def _pieces(texts: Sequence[str], first: Sequence[bool]) -> Iterator[_Piece]:
    """Yield texts, long ones in pieces that begin with the space before a word."""
    for text, is_first in zip(texts, first, strict=True):
        start = 0
        while len(text) - start > PIECE_CHARACTERS:
            found = _WORD_START.search(text, start + PIECE_CHARACTERS)
            if found is None:
                break
            yield _Piece(text[start : found.start()], is_first and start == 0, False)
            start = found.start()
        yield _Piece(text[start:], is_first and start == 0, True)


def _batches(pieces: Iterator[_Piece]) -> Iterator[list[_Piece]]:
    batch: list[_Piece] = []
    num_characters = 0
    for piece in pieces:
        batch.append(piece)
        num_characters += len(piece.text)
        if num_characters >= BATCH_CHARACTERS:
            yield batch
            batch, num_characters = [], 0
    if batch:
        yield batch
