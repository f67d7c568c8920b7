"""Reject a rationale that could stand at any text: too little of what it names is in the chunk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.filters.patterns import word_set
from reflectgen.records import ACCEPTED, Decision, Verdict, reject
from reflectgen.reflection.stop_words import DULL_WORDS, EVERYDAY_THINGS, STOP_WORDS, VERBS

# Words in which one speaks of any text, and of whether it is safe: they say nothing about this one.
_FRAME_STEMS = tuple(
    word_set(
        "account advice advis aim allud amount analys announc anthropolog appear argu article aspect assert attempt"
        " author background basic benign brief broad capita casual caution character chunk clear comment"
        " common concern conclu"
        " consider contain content contex controvers convers danger deal depict describ descript detail dialog"
        " direct disclos discuss distinct document educat element emphas encourag entr everyday evok example excerpt"
        " exchange exhort explain explanat explicit express extract fact figur first focus follow formal forum"
        " fragment frame general genre give guid harm hazard headlin heading highlight histor historic human humor"
        " ideas illeg illustrat impl includ indicat inform innoc instruct intend introduc invit involv item jok kind"
        " languag legal letter light line list literar main matter mean mention mild mixed moral most mundane narrat"
        " narrow neutral news nonfiction note noth notic novel number objectiv observ offen offer online"
        " opinion ordinar"
        " outlin overview paragraph part passag person phrase piece plain plot point portray post practic prais"
        " present problem promot prose provid public purely quest quot rais reader recall recollect recommend record"
        " recount refer reflect regard relat remark report request requir respons review risk routin safe scene"
        " scientif script section segment sens sentence serious short show simpl situat snippet someth speak specif"
        " speech spoken stat statement step stor straight strong subject suggest summar support tabl tale"
        " talk technic tell"
        " term text them themes thing third thread tip title tone topic touch tradition typ unsafe urg use various"
        " violat vivid warn way weigh word work writ writer"
    )
)
_STOP_WORDS = frozenset().union(*STOP_WORDS.values())
_COMMON_WORDS = DULL_WORDS | EVERYDAY_THINGS | VERBS
_COMMON_WEIGHT = 0.5  # of a word that many texts have, where a rarer one weighs 1
_LEAST_WEIGHT = 3.0  # of all words together; from fewer nothing can be told
_NO_WEIGHT = 1.0  # below it a rationale names nothing at all
_LEAST_CHUNK_WORDS = 20  # of a chunk of which something can be named
_ENDINGS = ("ations", "ation", "ings", "ing", "ions", "ion", "ness", "ment", "edly", "ies", "ers", "ed", "es", "er", "ly", "al", "s", "y", "e")  # noqa: E501  # fmt: skip
_LEAST_STEM = 4


@dataclass(frozen=True, slots=True)
class Grounding:
    """A `safe` rationale needs a share of `min_score` of its telling words in the chunk, and to name something.

    Other verdicts rest on the quotation that `Evidence` has found there, and name the hazard in words of their own. A
    rationale in another language than the chunk, or with few telling words, passes: nothing can be compared. One with
    none at all ("a plain and harmless passage") passes at short chunks only.
    """

    name: ClassVar[str] = "ungrounded"
    min_score: float = 0.1

    def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None or reflection.verdict is not Verdict.SAFE:
            return ACCEPTED
        words = candidate.rationale_words
        found, weight = _weights(words, candidate.chunk_words, enough=self.min_score * len(words))
        if not found and weight < _NO_WEIGHT and _could_name_something(candidate):
            return reject(self.name, "it names nothing, and could stand at any text")
        if weight < _LEAST_WEIGHT or found >= self.min_score * weight or not _same_language(candidate):
            return ACCEPTED
        return reject(self.name, f"grounding {found / weight:.2f}, needs {self.min_score:g}")


def grounding_score(candidate: Candidate) -> float:
    """Return which share, 0 to 1, of what the rationale names is in the chunk; 0 where it names nothing.

    Words count by their stems, common ones half. The score means nothing where chunk and rationale are in different
    languages.
    """
    found, weight = _weights(candidate.rationale_words, candidate.chunk_words)
    return found / weight if weight else 0.0


def _weights(words: Sequence[str], joined: str, enough: float = math.inf) -> tuple[float, float]:
    """Return the weight of the telling words that the chunk has too, and of all; it stops where `enough` is found."""
    found = total = 0.0
    for word in dict.fromkeys(words):
        weight, stem = _look_up(word)
        if weight:
            total += weight
            if stem in joined:
                found += weight
                if found >= enough:
                    break
    return found, total


@lru_cache(maxsize=1 << 15)
def _look_up(word: str) -> tuple[float, str]:
    """Return what a word of a rationale weighs, and what to look for among the chunk's joined words."""
    if word in _STOP_WORDS or len(word) < 3 or word.startswith(_FRAME_STEMS):
        return 0.0, ""
    return _COMMON_WEIGHT if word in _COMMON_WORDS else 1.0, " " + _stem(word)


def _stem(word: str) -> str:
    """Return the beginning that other forms of an English word share, or the word with the space behind it."""
    if len(word) < _LEAST_STEM or not word.isalpha():
        return f"{word} "
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            return word[: -len(ending)]
    return word


def _could_name_something(candidate: Candidate) -> bool:
    """Whether there is something to name, and no word of the rationale is in the chunk, a word of any text neither."""
    if len(candidate.chunk_word_list) < _LEAST_CHUNK_WORDS or not _same_language(candidate):
        return False
    words = (word for word in candidate.rationale_words if len(word) >= _LEAST_STEM and word not in _STOP_WORDS)
    return not any(f" {_stem(word)}" in candidate.chunk_words for word in words)


def _same_language(candidate: Candidate) -> bool:
    return any(f" {word} " in candidate.chunk_words for word in _joining_words(candidate.rationale_words))


def _joining_words(words: Sequence[str]) -> Iterator[str]:
    """Yield the words that a language has in nearly every sentence; shorter ones belong to several languages."""
    return (word for word in words if len(word) > 2 and word in _STOP_WORDS)
