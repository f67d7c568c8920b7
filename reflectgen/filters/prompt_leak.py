"""Reject a rationale that talks about the teacher's instructions, which no reader of the corpus has seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.filters.patterns import one_of, word_set
from reflectgen.records import ACCEPTED, Category, Decision, reject
from reflectgen.reflection.words import find_shared_run, words_of

_FENCE = re.compile(r"\b(?:passage|before|after)[-_ ](?:[0-9a-f]{8}|x{8})\b", re.IGNORECASE)
_SCHEMA_NAMES = tuple(category.value for category in Category if "_" in category.value)
_VERDICTS = "safe|controversial|unsafe"
_FIELDS = "verdict|category|rationale|evidence"
_ITS = "(?:(?:the|my|your|these|those|its) )?"
_FOLLOWING = one_of("as per following according_to given in_line_with based_on under")
_ASKING = one_of("asks? says? states? wants? requires? tells? defines? instruct\\w* message rules? definition")
_JSON_THING = one_of("object output reply answer response format schema field")


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# In English, as the prompts are. Each names a group, which is a word of `_TELLING`; where the chunk has that word too,
# the rationale may be about prompts, JSON or instructions because the chunk is.
_TALK = _any_of(
    rf"[\"'“‘`*](?P<quoted>{_FIELDS})[\"'”’`*]",
    rf"\bthe (?P<named>{_FIELDS}) (?:field|key|string|value)\b",
    rf"(?:^|[.;,{{] ?)(?P<headed>{_FIELDS}) ?[:=]",
    r"\b(?P<verdict>verdict|category) (?:is|of|as|would be|should be|must be|remains)"
    rf" [\"'“]?(?:{_VERDICTS}|none)\b",
    rf"\b{_FOLLOWING} {_ITS}(?:(?:given|provided|above|system|stated) )?"
    r"(?P<instructed>instructed|instructions|prompt|rubric)\b",
    r"\bas (?P<asked>asked|requested|required) (?:by|in) the (?:prompt|user|task|instructions|system)\b",
    r"\bi (?:was|am|have been|'ve been) (?P<told>asked|told|instructed|requested|required) to\b",
    rf"\b(?:the|my|this|your) (?:(?:system|user|given) )?(?P<prompt>prompt)(?:'s)? {_ASKING}\b",
    r"\b(?:between|inside|within|outside) (?:the |these |its )?(?:passage |opening |closing )?"
    r"(?P<fence>tags|fences|fence|delimiters)\b",
    r"\bpassage (?P<tag>tags?|markers?|fences?|delimiters?)\b",
    rf"\b(?P<json>json) {_JSON_THING}\b|\bas (?:a )?(?P<form>json)\b",
    r"\b(?:at most|under|within|limit of|maximum of) (?P<number>40|forty) words\b|\bword (?P<limit>limit)\b",
)
_TELLING = word_set(
    "verdict category rationale evidence instructed instructions prompt rubric asked requested required told tags"
    " tag fences fence delimiters delimiter markers marker json limit 40 forty"
)


@dataclass(frozen=True, slots=True)
class PromptLeak:
    """It shares more than `max_run_words` words in a row with the prompt, or names fences, fields or its orders."""

    name: ClassVar[str] = "prompt_leak"
    max_run_words: int = 6

    def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None:
            return ACCEPTED
        words = candidate.rationale_words
        if candidate.instructions and self._runs_on(words, candidate.instructions):
            return reject(self.name, f"more than {self.max_run_words} words of the prompt in a row")
        rationale = reflection.rationale
        if "_" in rationale or "-" in rationale:
            if found := _FENCE.search(rationale):
                return reject(self.name, f"it names the fence {found[0]!r}")
            if any(name in rationale for name in _SCHEMA_NAMES):
                return reject(self.name, "it names a category as the prompt does")
        if _TELLING.isdisjoint(words):
            return ACCEPTED
        for found in _TALK.finditer(rationale):
            if found[found.lastgroup or 0].lower() not in candidate.chunk_word_list:
                return reject(self.name, f"it speaks of its task: {found[0].strip()[:60]!r}")
        return ACCEPTED

    def _runs_on(self, words: Sequence[str], instructions: str) -> bool:
        vocabulary = _vocabulary(instructions)
        streak = 0
        for word in words:  # most rationales never have so many of the prompt's words in a row, in any order
            streak = streak + 1 if word in vocabulary else 0
            if streak > self.max_run_words:
                return bool(find_shared_run(words, words_of(instructions)[1], self.max_run_words))
        return False


@lru_cache(maxsize=8)
def _vocabulary(instructions: str) -> frozenset[str]:
    return frozenset(words_of(instructions)[0])
