"""A notation for patterns of words, so that long lists of them can be read and added to."""

from __future__ import annotations

from collections.abc import Mapping


def word_set(listed: str) -> frozenset[str]:
    """Return the words of a list."""
    return frozenset(listed.split())


def one_of(listed: str) -> str:
    """Return the pattern for one of the alternatives listed; an underscore stands for a space within one."""
    return f"(?:{'|'.join(listed.split())})".replace("_", " ")


def up_to(number: int) -> str:
    """Return the pattern for so many words and fewer, each with the space behind it; as few as will do."""
    return rf"(?:\w+ ){{0,{number}}}?"


def phrase(written: str, lists: Mapping[str, str]) -> str:
    """Return the pattern for words that follow one another, each with the space behind it.

    `REVOKE ..4 ALL|every [new|old] rules?` is one of the list REVOKE, at most four words, one of the list ALL or
    "every", perhaps "new" or "old", and "rule" or "rules". `[x]*` is any number of x, `(?!x|y)` forbids what would
    follow, and an underscore stands for a space.
    """
    return "".join(_piece(token, lists) for token in written.split())


def _piece(token: str, lists: Mapping[str, str]) -> str:
    if token.startswith(".."):
        return up_to(int(token[2:]))
    if token.startswith("(?!"):
        return f"(?!{_alternatives(token[3:-1], lists)} )"
    if token.startswith("["):
        inner, _, often = token[1:].rpartition("]")
        return f"(?:{_alternatives(inner, lists)} ){often or '?'}"
    return f"{_alternatives(token, lists)} "


def _alternatives(token: str, lists: Mapping[str, str]) -> str:
    return one_of(" ".join(lists.get(choice, choice) for choice in token.split("|")))
