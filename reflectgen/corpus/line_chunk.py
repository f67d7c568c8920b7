"""One line a chunk, for corpora whose documents are lists: of statements, verses, log entries."""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\n]*\n\s*|[^\n]+")


class LineChunker:
    """A chunk is a line with its line end, and the white space before the next line's words."""

    name = "reflectgen/lines"
    version = "1"

    def ends(self, text: str) -> list[int]:
        """Return where each chunk ends, in code points, ascending; the last is the text's length, and "" has none."""
        return [found.end() for found in _LINE.finditer(text)]
