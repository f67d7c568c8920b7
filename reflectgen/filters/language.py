"""Reject a rationale that is surely in another language than the one that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Decision, reject
from reflectgen.reflection.languages import ENGLISH, GARBLED, UNKNOWN, guess_language
from reflectgen.reflection.stop_words import STOP_WORDS
from reflectgen.reflection.tokens import tokenise

NOT_ENGLISH = "another language"

_MAX_CHARACTERS = 600
_MIN_WORDS = 4  # of a sentence whose language can be told
_MIN_SIGNS = 3  # short words of one language, none of the other's
_MANY_WORDS = 9  # of English never come without a short word among them
_SCRIPTS = {"Russian": "Cyrillic script", "Arabic": "Arabic script", "Hindi": "Devanagari script"}
_KNOWN = frozenset(STOP_WORDS) | {"Chinese", "Japanese", "Korean", "Thai"}


def _own_words(language: str) -> frozenset[str]:
    """Return the short words of `language` that none of the others has."""
    others = (words for other, words in STOP_WORDS.items() if other != language)
    return STOP_WORDS.get(language, frozenset()).difference(*others)


_OWN_WORDS = {language: _own_words(language) for language in _KNOWN}
_ENGLISH_SIGNS = _OWN_WORDS[ENGLISH] | {"of", "is"}
_OTHERS = frozenset().union(*(words for language, words in _OWN_WORDS.items() if language != ENGLISH))


@dataclass(frozen=True, slots=True)
class Language:
    """`language` is the one wanted: English, as the prompts that ship, or another that can be told apart.

    Doubt is in the teacher's favour: names, titles, quoted words, and languages without a word list here pass.

    Raises:
        ValueError: `language` is none that can be told apart.
    """

    name: ClassVar[str] = "language"
    language: str = ENGLISH

    def __post_init__(self) -> None:
        if self.language not in _KNOWN:
            raise ValueError(f"the language {self.language!r} is none of {', '.join(sorted(_KNOWN))}")

    def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None:
            return ACCEPTED
        # Nearly all end here: two words that belong to the language wanted, and to no other.
        if len(_OWN_WORDS[self.language].intersection(candidate.rationale_words)) > 1:
            return ACCEPTED
        found = sure_language(reflection.rationale)
        if found in (UNKNOWN, self.language, _SCRIPTS.get(self.language)):
            return ACCEPTED
        if found == NOT_ENGLISH and self.language != ENGLISH:
            return ACCEPTED
        return reject(self.name, f"it is in {found}, not in {self.language}")


def sure_language(text: str) -> str:
    """Return the language of `text`, or its script as "X script", or `NOT_ENGLISH`; `UNKNOWN` where there is doubt."""
    text = text[:_MAX_CHARACTERS]
    tokens = tokenise(text)
    language = guess_language(text, tokens)
    if language == GARBLED:
        return UNKNOWN
    if not _is_latin(language):
        letters = [character for character in text if character.isalpha()]
        return language if 2 * sum(map(str.isascii, letters)) < len(letters) else UNKNOWN
    words = frozenset(filter(str.isalpha, tokens.counts))
    rivals = _OTHERS if language == ENGLISH else _ENGLISH_SIGNS
    signs = words & STOP_WORDS.get(language, frozenset())
    if len(words) >= _MIN_WORDS and len(signs) >= _MIN_SIGNS and words.isdisjoint(rivals):
        return language
    is_english = len(words & STOP_WORDS[ENGLISH]) > 1 or not words.isdisjoint(_ENGLISH_SIGNS)
    return UNKNOWN if is_english or len(words) < _MANY_WORDS else NOT_ENGLISH


def _is_latin(language: str) -> bool:
    return language == UNKNOWN or (language in STOP_WORDS and language not in _SCRIPTS)
