"""The two chunkers: at most so many words, or at most so many tokens of a tokenizer.

Both cut at the same boundaries and lose nothing: a document's chunks, joined, are the document.
"""

from __future__ import annotations

from typing import Protocol

from pydantic import BaseModel, Field

from reflectgen.corpus import unicode_properties
from reflectgen.corpus.cutting import RULES, cut
from reflectgen.corpus.token_chunk import TokenChunker
from reflectgen.corpus.unicode_breaks import Breaks, Offsets
from reflectgen.errors import InputError


class Chunker(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def ends(self, text: str) -> list[int]:
        """Return where each chunk ends, in code points, ascending; the last is the text's length, and "" has none."""
        ...


class ChunkOptions(BaseModel, extra="forbid", frozen=True):
    """How long a chunk may be: in words, or in tokens of `tokenizer`, a tokenizer.json or a folder with one."""

    chunk_words: int = Field(default=100, ge=10, le=2000)
    chunk_tokens: int | None = Field(default=None, ge=16, le=8192)
    tokenizer: str | None = None


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
        if 0 < len(text) <= self._max_words:
            return [len(text)]
        return cut(text, self._max_words, _word_starts)


def make_chunker(options: ChunkOptions) -> Chunker:
    """Return the chunker that the options ask for.

    Raises:
        InputError: there is no tokenizer, or it cannot be read.
    """
    if options.chunk_tokens is None:
        return WordChunker(options.chunk_words)
    if options.tokenizer is None:
        raise InputError(
            f"chunks of {options.chunk_tokens} tokens need a tokenizer; name a tokenizer.json or a folder with one"
        )
    return TokenChunker(options.tokenizer, options.chunk_tokens)


def _word_starts(_text: str, breaks: Breaks) -> Offsets:
    return breaks.word_starts()
