"""The fence around corpus text in a prompt: lines that the text itself cannot contain."""

from __future__ import annotations

import hashlib
from itertools import count


def fenced(text: str) -> str:
    """Return `text` between its fence lines, each alone on its line."""
    tag = fence_of(text)
    return f"<{tag}>\n{text}\n</{tag}>"


def fence_of(text: str) -> str:
    """Return the tag that fences `text`, `passage-` and 8 hex digits, which `text` does not contain in any case.

    It depends on the text alone, so a question asked again is the same bytes. An author could search for a text that
    holds its own hash (32 bits are few), hence the next salt where it does.
    """
    written = text.lower()
    return next(tag for salt in count() if (tag := tag_of(text, salt)) not in written)


def tag_of(text: str, salt: int) -> str:
    """Return the tag that a text has with `salt`, whether the text contains it or not."""
    digest = hashlib.blake2b(f"{salt}\n{text}".encode("utf-8", "surrogatepass"), digest_size=4)
    return f"passage-{digest.hexdigest()}"
