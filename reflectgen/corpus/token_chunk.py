"""Chunks of at most so many tokens."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import tokenizers

from reflectgen.corpus import unicode_properties
from reflectgen.corpus.cutting import RULES, cut
from reflectgen.corpus.unicode_breaks import Breaks, Offsets
from reflectgen.errors import InputError

BATCH_CHUNKS = 256

_SURROGATE = re.compile("[\ud800-\udfff]")


class TokenChunker:
    """Chunks of at most `max_tokens` tokens, without special ones, when a chunk is encoded on its own.

    Chunks are laid out by the tokens of the text around them. Where a chunk alone has more of them, because a cut
    parted what the tokenizer would have merged, it is cut again. One grapheme cluster may still have more.
    """

    name = "reflectgen/tokens"

    def __init__(self, tokenizer: str, max_tokens: int) -> None:
        """Load `tokenizer`, a tokenizer.json or a folder with one.

        Raises:
            InputError: it does not exist or is no tokenizer.
        """
        path = Path(tokenizer)
        path = path / "tokenizer.json" if path.is_dir() else path
        try:
            content = path.read_bytes()
            self._tokenizer = tokenizers.Tokenizer.from_buffer(content)
        except OSError as error:
            raise InputError(
                f"cannot read the tokenizer {path}: {error.strerror}; name a tokenizer.json or a folder with one"
            ) from error
        except Exception as error:  # the library raises nothing narrower
            raise InputError(
                f"{path} is not a tokenizer.json that this version of tokenizers reads: {error}"
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._max_tokens = max_tokens
        sha256 = hashlib.sha256(content).hexdigest()
        self.version = f"{RULES}-unicode{unicode_properties.VERSION}-tokenizers{tokenizers.__version__}-{sha256[:12]}"

    def ends(self, text: str) -> list[int]:
        """Return where each chunk ends, in code points, ascending; the last is the text's length, and "" has none."""
        # A tokenizer takes no lone surrogates; a stand-in of the same length leaves the offsets as they are.
        return self._ends(_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text))

    def _ends(self, text: str) -> list[int]:
        laid_out = cut(text, self._max_tokens, self._token_starts)
        if len(laid_out) < 2:
            return laid_out
        ends: list[int] = []
        for batch in range(0, len(laid_out), BATCH_CHUNKS):
            batch_ends = laid_out[batch : batch + BATCH_CHUNKS]
            starts = [ends[-1] if ends else 0, *batch_ends[:-1]]
            chunks = [text[start:end] for start, end in zip(starts, batch_ends, strict=True)]
            encodings = self._tokenizer.encode_batch_fast(chunks, add_special_tokens=False)
            for start, chunk, encoding in zip(starts, chunks, encodings, strict=True):
                fits = len(encoding) <= self._max_tokens
                ends += [start + end for end in ([len(chunk)] if fits else self._ends(chunk))]
        return ends

    def _token_starts(self, text: str, _breaks: Breaks) -> Offsets:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return np.sort(np.array([start for start, _ in encoding.offsets], dtype=np.intp))
