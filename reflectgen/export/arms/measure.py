"""How long a text is: in words, or in the tokens of the tokenizer that will train on it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Protocol

from reflectgen.errors import InputError

_WORD = re.compile(r"\S+")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Measure(Protocol):
    """`name` says what is counted; it goes into the manifest. A document has `end_length` more than its text."""

    name: str
    end_length: int

    def count(self, text: str) -> int:
        """Return the length of a document, its end not counted unless it is written there."""
        ...

    def cut(self, text: str, length: int) -> int:
        """Return where the first `length` words or tokens of `text` end, in code points."""
        ...


class Words:
    name = "words"
    end_length = 0

    def count(self, text: str) -> int:
        return len(text.split())

    def cut(self, text: str, length: int) -> int:
        end = 0
        for number, word in enumerate(_WORD.finditer(text)):
            if number == length:
                break
            end = word.end()
        return end


class TokenMeasure:
    """Counts tokens, each of `markers` as one, which is what it is to a trainer; the last of them ends a document.

    Where a document ends with an unsafe reflection, and so with that marker, it is not written twice.
    """

    end_length = 1

    def __init__(self, tokenizer: Path, markers: tuple[str, ...]) -> None:
        """Load a tokenizer.json, or the folder with one.

        Raises:
            InputError: it does not exist or is no tokenizer.
        """
        import tokenizers

        path = tokenizer / "tokenizer.json" if tokenizer.is_dir() else tokenizer
        try:
            content = path.read_bytes()
            self._tokenizer = tokenizers.Tokenizer.from_buffer(content)
        except OSError as error:
            said = f"{error.strerror}; name a tokenizer.json or a folder with one"
            raise InputError(f"cannot read the tokenizer {path}: {said}") from error
        except Exception as error:  # the library raises nothing narrower
            raise InputError(f"{path} is not a tokenizer.json that can be read: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.add_special_tokens(list(markers))
        self._end_of_text = markers[-1]
        self.name = f"tokens of sha256:{hashlib.sha256(content).hexdigest()}"

    def count(self, text: str) -> int:
        return len(self._encode(text)) - text.endswith(self._end_of_text)

    def cut(self, text: str, length: int) -> int:
        return max((end for _, end in self._encode(text).offsets[:length]), default=0)

    def _encode(self, text: str):  # type: ignore[no-untyped-def]  # of a library without types
        return self._tokenizer.encode(_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text), add_special_tokens=False)
