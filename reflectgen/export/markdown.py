"""Markdown from text that others wrote: escaped, so that it can be neither markup, nor a link, nor a table's end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+|~$!])")


def escape(text: object) -> str:
    """Return one line of Markdown that shows `text` as it is."""
    line = " ".join(str(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _MARKUP.sub(r"\\\1", line)
    # Bare addresses become links in many renderers.
    return line.replace("://", ":&#47;&#47;").replace("www.", "www&#46;").replace("@", "&#64;")


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; cells are escaped, titles are ours. Numbers are grouped by thousands."""
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def _cell(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else escape(cell)
