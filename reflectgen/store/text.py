"""Text as both databases take it: whatever a corpus or a model wrote is kept, and read back as it was.

PostgreSQL refuses NUL in text, SQLite's functions stop at it, and neither takes lone surrogates, which JSON can spell.
Each of these is stored as U+001A SUBSTITUTE and its four hex digits; so is a U+001A of the text's own.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

_REFUSED = re.compile("[\x00\x1a\ud800-\udfff]")
_STORED = re.compile("\x1a([0-9a-f]{4})")


def to_stored(text: str) -> str:
    """Return `text` as a database keeps it; nearly always itself."""
    if text.isascii() and "\x00" not in text and "\x1a" not in text:
        return text
    return _REFUSED.sub(lambda found: f"\x1a{ord(found[0]):04x}", text)


def from_stored(stored: str) -> str:
    """Undo `to_stored`."""
    return _STORED.sub(lambda found: chr(int(found[1], 16)), stored) if "\x1a" in stored else stored


class StoredText(TypeDecorator[str]):
    """The type of every text column; values that are compared with one are stored the same way."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else to_stored(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        return None if value is None else from_stored(value)
