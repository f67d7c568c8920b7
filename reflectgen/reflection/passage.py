"""The fences around corpus text in a prompt: lines that no text between them can contain."""

from __future__ import annotations

import hashlib
import unicodedata
from itertools import count


def fenced(text: str) -> str:
    """Return `text` between the lines `<passage-XXXXXXXX>` and `</passage-XXXXXXXX>`, each alone on its line."""
    return fenced_each(passage=text)["passage"]


def fenced_each(**texts: str) -> dict[str, str]:
    """Return texts that go into one prompt, each between fence lines of its own name.

    All carry the same eight digits, which none of the texts contains: none can close its own fence, nor open or close
    that of another.
    """
    digits = fence_digits(*texts.values())
    return {name: f"<{name}-{digits}>\n{text}\n</{name}-{digits}>" for name, text in texts.items()}


def fence_digits(*texts: str) -> str:
    """Return 8 hex digits that none of `texts` contains, in any case and in no full-width or other compatible form.

    They depend on the texts alone, so a question asked again is the same bytes. An author could search for a text that
    holds its own hash (32 bits are few), hence the next salt where it does.
    """
    written = [text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower() for text in texts]
    tried = (digits_of(texts, salt) for salt in count())
    return next(digits for digits in tried if not any(digits in text for text in written))


def digits_of(texts: tuple[str, ...], salt: int) -> str:
    """Return the digits that texts have with `salt`, whether one contains them or not."""
    content = "\n".join((str(salt), *texts))
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
