"""The chunkers: at most so many words, at most so many tokens of a tokenizer, or one line each.

None loses anything: a document's chunks, joined, are the document. The first two cut at the same boundaries.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, model_serializer

from reflectgen.corpus import unicode_properties
from reflectgen.corpus.cutting import RULES, VISIBLE_PER_UNIT, cut
from reflectgen.corpus.line_chunk import LineChunker
from reflectgen.corpus.token_chunk import TokenChunker
from reflectgen.corpus.unicode_breaks import Breaks, Offsets
from reflectgen.errors import InputError

# What most texts are made of: ASCII, and marks beyond it that are no part of a word.
_UNUSUAL = re.compile("[^\x00-\x7f\u00a0\u2013\u2014\u2018\u2019\u201c\u201d\u2026]")
_ASCII_LETTERS_OR_SPACES = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))


class Chunker(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def ends(self, text: str) -> list[int]:
        """Return where each chunk ends, in code points, ascending; the last is the text's length, and "" has none."""
        ...


class ChunkOptions(BaseModel, extra="forbid", frozen=True):
    """How long a chunk may be: in words, or in tokens of `tokenizer`, a tokenizer.json or a folder with one.

    With `chunk_lines` every line is a chunk, however long.
    """

    chunk_words: int = Field(default=100, ge=10, le=2000)
    chunk_tokens: int | None = Field(default=None, ge=16, le=8192)
    tokenizer: str | None = None
    chunk_lines: bool = False

    @model_serializer(mode="wrap")
    def _without_what_is_off(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `chunk_lines` out where it is off, so that the recipes of earlier jobs stay what they were."""
        dumped: dict[str, Any] = dump(self)
        return dumped if self.chunk_lines else {k: v for k, v in dumped.items() if k != "chunk_lines"}


class WordChunker:
    """Chunks of at most `max_words` words, as Unicode Standard Annex 29 finds them by its default rules.

    A word is a segment between word boundaries that holds at least one letter or number. In scripts without spaces
    every ideograph or syllable is one, so their chunks are short rather than endless.
    """

    name = "reflectgen/words"
    version = f"{RULES}-unicode{unicode_properties.VERSION}"

    def __init__(self, max_words: int) -> None:
        self._max_words = max_words

    def ends(self, text: str) -> list[int]:
        """Return where each chunk ends, in code points, ascending; the last is the text's length, and "" has none."""
        if self._is_one_chunk(text):
            return [len(text)]
        return cut(text, self._max_words, _word_starts)

    def _is_one_chunk(self, text: str) -> bool:
        """Say, fast, that a text needs no cut: it has at least as many runs of letters and digits as words."""
        if len(text) <= self._max_words:
            return bool(text)
        if len(text) > self._max_words * VISIBLE_PER_UNIT or not (text.isascii() or not _UNUSUAL.search(text)):
            return False
        runs = text.encode("ascii", "replace").translate(_ASCII_LETTERS_OR_SPACES).split()
        return len(runs) <= self._max_words


def make_chunker(options: ChunkOptions) -> Chunker:
    """Return the chunker that the options ask for.

    Raises:
        InputError: there is no tokenizer, or it cannot be read.
    """
    if options.chunk_lines:
        return LineChunker()
    if options.chunk_tokens is None:
        return WordChunker(options.chunk_words)
    if options.tokenizer is None:
        raise InputError(
            f"chunks of {options.chunk_tokens} tokens need a tokenizer; name a tokenizer.json or a folder with one"
        )
    return TokenChunker(options.tokenizer, options.chunk_tokens)


def _word_starts(_text: str, breaks: Breaks) -> Offsets:
    return breaks.word_starts()
