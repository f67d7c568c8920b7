"""Signs that a text speaks to whoever reviews it, instead of to its readers.

Prose is searched word by word, without case and punctuation, so that neither hides an order. The patterns are many and
slow, so each belongs to words one of which it must hold; of ordinary texts few have any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reflectgen.filters.disguise import is_plain, readings, undisguise
from reflectgen.filters.foreign_orders import FOREIGN, FOREIGN_WORDS, NOT_LATIN, find_order
from reflectgen.filters.markup import forgeries, has_markup, has_turn
from reflectgen.filters.orders import SIGNALS
from reflectgen.reflection.words import join_words, split_words

FOREIGN_ORDER = "it gives orders in another language"

_TELLING = FOREIGN_WORDS.union(*(signal.words for signal in SIGNALS))
_LONG_WORD = 20  # characters; base64 has no shorter ones
_REACH = 120  # characters of an order on either side of its telling word


def suspicion(text: str, words: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return what in `text` speaks to a reviewer or a model, each sign once: none for an ordinary text.

    `words` are those of `split_words(text)`, where they are at hand already. Encoded parts are read as well.
    """
    words = split_words(text) if words is None else words
    may_hide = _may_hide(text, words)
    if not may_hide and not _may_show(text, words):
        return ()
    shown = undisguise(text)
    seen = dict.fromkeys(_signs(shown, words if shown == text else split_words(shown)))
    if may_hide:
        for encoding, decoded in readings(text):
            plain = undisguise(decoded)
            if any(_signs(plain, split_words(plain))):
                seen[f"it hides an order ({encoding})"] = None
    return tuple(seen)


def _may_show(text: str, words: Sequence[str]) -> bool:
    """Say, fast, whether there is anything that a sign could hang on."""
    if not (_TELLING.isdisjoint(words) and is_plain(text)):
        return True
    return has_markup(text) or has_turn(text, words)


def _may_hide(text: str, words: Sequence[str]) -> bool:
    """Say, fast, whether part of the text may be encoded."""
    if max(map(len, words), default=0) >= _LONG_WORD:
        return True
    return ("&" in text and "&#" in text) or ("\\" in text and "\\x" in text)


def _signs(text: str, words: Sequence[str]) -> Iterator[str]:
    if found := _TELLING.intersection(words):
        joined = join_words(words)
        for signal in SIGNALS:
            for window in _around(found & signal.words, joined):
                if any(map(window.__contains__, signal.also)) and signal.pattern.search(window):
                    yield signal.name
                    break
        if any(map(FOREIGN.search, _around(found & FOREIGN_WORDS, joined))):
            yield FOREIGN_ORDER
    if NOT_LATIN.search(text) and find_order(words):
        yield FOREIGN_ORDER
    yield from forgeries(text, words)


def _around(words: Iterable[str], joined: str) -> Iterator[str]:
    """Yield what stands around each of `words`, which makes short work of long texts."""
    for word in words:
        position = joined.find(f" {word} ")
        while position >= 0:
            yield joined[max(0, position - _REACH) : position + _REACH]
            position = joined.find(f" {word} ", position + 1)
