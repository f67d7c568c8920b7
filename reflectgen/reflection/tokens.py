"""A text cut up once for everything that looks at its surface: language, genre and key phrases."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from reflectgen.reflection.words import MARKS

LINE_END = "\n"

_TOKEN = re.compile(r"[\w'’-]+|[^\w \t]")
# The combining marks make a large class, and a slow one; only scripts beyond Latin, or decomposed letters, need it.
_NEEDS_MARKS = re.compile("[\u0300-\u036f\u0483-\u1cff]")
_TOKEN_WITH_MARKS = re.compile(rf"[\w{MARKS}'’-]+|[^\w{MARKS} \t]")


class Tokens(NamedTuple):
    """Words (with their hyphens and apostrophes), line ends and single symbols, in order."""

    written: list[str]
    lowered: list[str]  # the same in lower case
    counts: Counter[str]  # of the lower-cased ones


def tokenise(text: str) -> Tokens:
    needs_marks = not text.isascii() and _NEEDS_MARKS.search(text)
    written = (_TOKEN_WITH_MARKS if needs_marks else _TOKEN).findall(text)
    # Far faster than asking each token; none holds a space.
    lowered = " ".join(written).lower().split(" ") if written else []
    return Tokens(written, lowered, Counter(lowered))
