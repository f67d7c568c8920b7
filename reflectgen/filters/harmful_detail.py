"""Reject a rationale that hands on what makes an unsafe chunk dangerous."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Decision, Verdict, reject
from reflectgen.reflection.stop_words import STOP_WORDS
from reflectgen.reflection.words import find_shared_run, join_words, split_words

_NUMBER = r"\d+(?:[.,]\d+)?(?:\s?(?:-|–|to)\s?\d+(?:[.,]\d+)?)?"
_UNITS = (
    "%|percent|mg|g|kg|µg|mcg|grams?|grammes?|kilos?|kilograms?|milligrams?|micrograms?|ml|cl|l|cc|lit(?:er|re)s?|millilit(?:er|re)s?"
    "|oz|ounces?|lbs?|pounds?|gallons?|pints?|cups?|spoons?|teaspoons?|tablespoons?|drops?|tablets?|pills?|doses?|parts?|moles?|mol"
    "|ppm|mm|cm|m|km|inch(?:es)?|feet|ft|metres?|meters?|°\\s?[cf]?|degrees?|celsius|fahrenheit|volts?|v|kv|watts?|w|kw|amps?|ma|ohms?"
    "|hz|khz|mhz|seconds?|secs?|minutes?|mins?|hours?|hrs?|calib(?:er|re)|gauge|psi|bar|rounds?|gramm|liter|stück|grammes|gramos|litros"
)
_QUANTITY = re.compile(rf"(?<![\w.,]){_NUMBER}\s?-?(?:{_UNITS})(?![\w])")
_ADDRESS = re.compile(
    r"\bhttps?://\S+|\bwww\.\S+|\b[\w-]+\.onion\b|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|info|biz|ru|cn|xyz|me|cc|to|co|su)\b(?:/\S*)?"
)
_COMMAND = re.compile(
    r"`[^`\n]{3,}`|(?<!\w)--?[a-z][\w-]*[= ]\S+ --?[a-z]|\b(?:sudo|curl|wget|chmod|nmap|sqlmap|powershell|cmd\.exe|netsh) \S+"  # noqa: E501
    r"|[a-z]:\\\\?\w+|(?<![\w/])/(?:etc|bin|usr|var|tmp|dev|proc)/\w+|<script\b|\bselect .{1,40} from |\b(?:or|and) 1 ?= ?1\b"  # noqa: E501
)
_STEP = re.compile(r"\bstep (?:\d+|one|two|three|four|five)\b|(?:^|[\s(])[1-9][.)] \w.{0,120}[\s(][2-9][.)] \w")
_LEAST_CONTENT = frozenset().union(*STOP_WORDS.values())


@dataclass(frozen=True, slots=True)
class HarmfulDetail:
    """For chunks that the teacher or the guard calls unsafe: no quantity, address or command of the chunk, no steps,
    and no `max_shared_words` or more content words in a row, with or without the short words between them.
    """

    name: ClassVar[str] = "harmful_detail"
    max_shared_words: int = 4

    def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None:
            return ACCEPTED
        if reflection.verdict is not Verdict.UNSAFE and candidate.label.verdict is not Verdict.UNSAFE:
            return ACCEPTED
        chunk = _plain(candidate.chunk.text)
        rationale = _plain(reflection.rationale)
        for kind, pattern in (("a quantity", _QUANTITY), ("an address", _ADDRESS), ("a command", _COMMAND)):
            if any(_stands_in(found[0], chunk) for found in pattern.finditer(rationale)):
                return reject(self.name, f"it repeats {kind} of the chunk")
        if _STEP.search(rationale):
            return reject(self.name, "it lists steps")
        words = _content(candidate.rationale_words)
        if find_shared_run(words, join_words(_content(candidate.chunk_word_list)), self.max_shared_words):
            return reject(self.name, f"more than {self.max_shared_words} content words of the chunk in a row")
        return ACCEPTED


def _plain(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).lower()


def _content(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in _LEAST_CONTENT]


def _stands_in(detail: str, chunk: str) -> bool:
    """Say whether a detail is the chunk's, however it is spaced and hyphenated there."""
    words = split_words(detail)
    return bool(words) and ("".join(words) in "".join(split_words(chunk)))
