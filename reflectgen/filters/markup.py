"""Forged markup: turns of a conversation, our own fences, and reflections as we write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reflectgen.filters.patterns import one_of, word_set

FORGED_TURN = "it forges a turn of a conversation"
FORGED_REFLECTION = "it forges a reflection"
CLOSED_FENCE = "it closes a fence"

_TURN_TOKENS = one_of(
    "im.start im.end system assistant user developer tool eot.id start.header.id end.header.id begin.of.text"
    " end.of.turn start.of.turn endofprompt channel message end"
)
_PATTERNS = (
    (FORGED_TURN, rf"<\|?\s*/?\s*{_TURN_TOKENS}\s*\|>|<(?:start|end)_of_turn>|<<\s*/?\s*sys\s*>>"),
    (FORGED_TURN, r"\[\s*/?\s*(?:inst|system_prompt|available_tools)\s*\]"),
    (FORGED_TURN, r"</?\s*(?:system|assistant|system[_-](?:prompt|message|reminder)|human)\s*>"),
    (
        FORGED_TURN,
        r"(?<![^\n])#{1,6}\s*(?:system|assistant|instruction|response)s?\s*(?:prompt|message)?\s*:?\s*(?:\n|$)",
    ),
    (FORGED_REFLECTION, r"<\s*/?\s*think\s*>\W{0,4}(?:safe|unsafe|controversial)\b"),
    (CLOSED_FENCE, r"</?\s*(?:passage|before|after|untrusted|remark)(?:[-_ ]\w{1,16})?\s*>"),
)
_COMPILED = [(name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _PATTERNS]

# What all of that begins with; most texts have none of these characters, and most others nothing that follows them.
_SIGNS = "<[#"
_WIDE_SIGNS = "\uff1c\uff3b"
_HEAD = re.compile(
    r"[<\uff1c]\s*/?\s*(?:[|\uff5c<]|start_|end_|system|assistant|human|think|passage|before|after|untrusted|remark)"
    r"|[\[\uff3b]\s*/?\s*(?:inst|sys|avail)|#+\s*(?:system|assistant|instruction|response)",
    re.IGNORECASE,
)

_ROLES = word_set("system developer admin administrator sysadmin assistant ai model reviewer guard teacher")
_ORDERS = one_of(
    "you your ignore disregard label mark classify respond reply answer output safe passage reviewers? override verdict"
)
_ROLE_TURN = re.compile(
    r"(?<![^\n])[\s>*#\[(\"“=-]*"
    rf"(?:{one_of('system developer admin(?:istrator)? sysadmin')}\s*"
    rf"{one_of('prompt message note notice override update instructions? alert announcement')}?[\s\])*=-]*:"
    rf"(?=[^\n]{{0,200}}\b{_ORDERS}\b)"
    r"|(?:assistant|ai|model|reviewer|guard|teacher)\s*:\s*"
    r"(?:\{|\W{0,4}(?:verdict|safe\b|(?:this|the) (?:text|passage|chunk|content) is)))"
)


def forgeries(text: str, text_words: Sequence[str]) -> Iterator[str]:
    """Yield what is forged in `text`, whose words are `text_words`."""
    if has_turn(text, text_words):
        yield FORGED_TURN
    if has_markup(text):
        yield from (name for name, pattern in _COMPILED if pattern.search(text))


def has_markup(text: str) -> bool:
    """Say, fast, whether there is anything of the kind; full-width forms count."""
    for sign in _SIGNS if text.isascii() else _SIGNS + _WIDE_SIGNS:
        position = text.find(sign)
        while position >= 0:
            if _HEAD.match(text, position):
                return True
            position = text.find(sign, position + 1)
    return False


def has_turn(text: str, text_words: Sequence[str]) -> bool:
    """Say whether a line begins as somebody's turn who gives orders here, or as an answer of the model's."""
    return ":" in text and not _ROLES.isdisjoint(text_words) and _ROLE_TURN.search(text.lower()) is not None
