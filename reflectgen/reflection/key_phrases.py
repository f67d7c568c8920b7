"""What a text is about, in a few of its own words: stop-word-delimited phrases, weighted.

The idea is that of RAKE (Rose et al., 2010): runs of words between stop words and punctuation are candidates. A phrase
weighs more the more often its words recur, the rarer they look, and the more its left neighbour (an article, a
preposition) says that a noun phrase begins; after a pronoun or an auxiliary a verb is likelier.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from reflectgen.reflection.stop_words import (
    ARTICLES,
    CHINESE_STOP_CHARACTERS,
    DETERMINERS,
    DULL_WORDS,
    POSSESSIVES,
    PREPOSITIONS,
    PRONOUNS_AND_AUXILIARIES,
    STOP_WORDS,
    UNQUOTABLE_STEMS,
    UNQUOTABLE_WORDS,
    VERBS,
)
from reflectgen.reflection.tokens import LINE_END, Tokens

_CHINESE_RUN = re.compile(rf"[^\W\x00-\u33ff{''.join(sorted(CHINESE_STOP_CHARACTERS))}]{{2,}}")
_JAPANESE_COMPOUND = re.compile(
    r"(?<![\u4e00-\u9fff])[\u4e00-\u9fff]{2,4}(?![\u4e00-\u9fff])|[\u30a1-\u30fa\u30fc]{3,4}(?![\u30a1-\u30fc])"
)
_MAX_PHRASES = 5
_MAX_PHRASE_WORDS = 3
_MAX_LETTERS = 20
_SENTENCE_ENDS = frozenset('.!?:;\n"“”«»*•|#>')


class KeyPhrase(NamedTuple):
    """`text` is one to three words of the text, `article` what English wants before them."""

    text: str
    article: str
    position: int  # of its first token

    @property
    def with_article(self) -> str:
        return f"{self.article} {self.text}" if self.article else self.text


# Every word that ends a phrase, with the weight of a phrase that begins right after it.
_WEIGHT_AFTER: dict[str, float] = (
    dict.fromkeys(STOP_WORDS["English"], 0.7)
    | dict.fromkeys(VERBS, 0.9)
    | dict.fromkeys(PREPOSITIONS, 1.2)
    | dict.fromkeys(DETERMINERS | POSSESSIVES, 1.3)
)
_WEIGHT_AFTER_SYMBOL = 0.7
_BREAKS = frozenset(_WEIGHT_AFTER) | PRONOUNS_AND_AUXILIARIES
_ARTICLE_AFTER = dict.fromkeys(POSSESSIVES | {"the", "this", "that", "these", "those"}, "the") | dict.fromkeys(
    ("a", "an", "each", "every", "another"), "a"
)
_SINGULAR = frozenset(("a", "an", "each", "every", "another", "this", "that"))
# Verb forms and adverbs, which the lists cannot hold in full, give themselves away by their ends.
_RIM_ENDINGS = ("ly", "ed")
_FREQUENCY_WEIGHTS = tuple(count**0.7 for count in range(50))
_LENGTH_WEIGHTS = (0.0, 0.0, 0.0, *(0.4 + min(length, 9) * 0.1 for length in range(3, _MAX_LETTERS + 1)))
_RUN_WEIGHTS = (0.0, 1.0, 2**-0.6, 3**-0.75, 4**-0.75)
_DULL_WEIGHT = 0.25  # however often it occurs
_MAX_KEPT_WEIGHTS = 100_000
_MAX_RUNS = 5  # looked at closely
_NAME_WEIGHT = 0.6  # names of people and places say less than things do


def english_phrases(tokens: Tokens) -> list[KeyPhrase]:
    """Return the key phrases of an English text, heaviest first; no two share a word."""
    weights = _word_weights(tokens.counts)
    weighted = sorted(_weigh(tokens, begin, end, weights) for begin, end in _heaviest_runs(tokens, weights))
    return _distinct(_phrase(tokens, begin, end) for weight, begin, end in weighted if weight)


def _heaviest_runs(tokens: Tokens, weights: dict[str, float]) -> list[tuple[int, int]]:
    """Return the (start, end) of the runs of content words that are worth a closer look."""
    lowered = tokens.lowered
    runs: list[tuple[float, int, int]] = []
    start, end, total = 0, -1, 0.0
    for position in (*(position for position, word in enumerate(lowered) if word in weights), len(lowered) + 1):
        if position == end:
            total += weights[lowered[position]]
        else:
            before = lowered[start - 1] if start else LINE_END
            # What follows a pronoun or an auxiliary is nearly always a verb.
            if 0 < end - start <= _MAX_PHRASE_WORDS + 1 and before not in PRONOUNS_AND_AUXILIARIES:
                runs.append((-total * _RUN_WEIGHTS[end - start] * _weight_after(before), start, end))
            start, total = position, weights[lowered[position]] if position < len(lowered) else 0.0
        end = position + 1
    return [(start, end) for _, start, end in sorted(runs)[:_MAX_RUNS]]


class _SingleWeights(dict[str, float]):
    """The weight of a content word that occurs once, kept: a language has few words, a corpus many."""

    def __missing__(self, word: str) -> float:
        if word in DULL_WORDS:
            weight = _DULL_WEIGHT
        elif word.isalpha():
            weight = _LENGTH_WEIGHTS[len(word) if len(word) <= _MAX_LETTERS else 0]
        else:
            weight = -1.0
        if len(self) < _MAX_KEPT_WEIGHTS:
            self[word] = weight
        return weight


_SINGLE_WEIGHTS = _SingleWeights()


def _word_weights(counts: Counter[str]) -> dict[str, float]:
    """Return the weight of every content word; one that counts for nothing in a phrase weighs 0."""
    content = counts.keys() - _BREAKS
    weights = dict(zip(content, map(_SINGLE_WEIGHTS.__getitem__, content), strict=True))
    if min(weights.values(), default=0.0) < 0:
        weights = {word: weight for word, weight in weights.items() if weight >= 0}
    for word in [word for word, count in counts.items() if count > 1]:
        if word in weights and word not in DULL_WORDS:
            weights[word] *= _FREQUENCY_WEIGHTS[min(counts[word], 49)]
    return weights


def _weight_after(before: str) -> float:
    return _WEIGHT_AFTER.get(before, _WEIGHT_AFTER_SYMBOL)


def plain_phrases(tokens: Tokens, language: str) -> list[KeyPhrase]:
    """Return single content words of a text in a language of `STOP_WORDS`, heaviest first."""
    stop_words, articles = STOP_WORDS[language], ARTICLES.get(language, frozenset())
    weights: dict[str, float] = {}
    for position, word in enumerate(tokens.lowered):
        if not 4 <= len(word) <= _MAX_LETTERS or word in stop_words or not word[0].isalpha():
            continue
        if language == "German" and tokens.written[position].islower():
            continue  # German writes its nouns with a capital letter
        is_noun = position > 0 and tokens.lowered[position - 1] in articles
        weights[word] = weights.get(word, 0.0) + min(len(word), 9) * (2 if is_noun else 1)
    by_weight = sorted(weights, key=lambda word: (-weights[word], word))[:20]
    positions = [tokens.lowered.index(word) for word in by_weight]
    return _distinct([KeyPhrase(tokens.written[position], "", position) for position in positions])


def chinese_phrases(text: str) -> list[KeyPhrase]:
    """Return pairs of Chinese characters that recur and name things, commonest first."""
    pairs = Counter(run[start : start + 2] for run in _CHINESE_RUN.findall(text) for start in range(len(run) - 1))
    recurring = sorted((pair for pair in pairs if pairs[pair] > 1), key=lambda pair: (-pairs[pair], pair))
    return _distinct([KeyPhrase(pair, "", text.index(pair)) for pair in recurring[:20]])


def japanese_phrases(text: str) -> list[KeyPhrase]:
    """Return compounds of Chinese characters and katakana words, which name things in Japanese, commonest first."""
    compounds = Counter(_JAPANESE_COMPOUND.findall(text))
    by_weight = sorted(compounds, key=lambda compound: (-compounds[compound], compound))
    return _distinct([KeyPhrase(compound, "", text.index(compound)) for compound in by_weight[:20]])


def _weigh(tokens: Tokens, start: int, end: int, weights: dict[str, float]) -> tuple[float, int, int]:
    """Return (negative weight, start, end) of the phrase in a run of content words; the weight 0.0 means none."""
    lowered = tokens.lowered
    before = lowered[start - 1] if start else LINE_END
    begin = max(start, end - _MAX_PHRASE_WORDS)
    while end > begin and lowered[end - 1].endswith(_RIM_ENDINGS):
        end -= 1
    if end - begin > 1 and before in _SINGULAR and _looks_plural(lowered[end - 1]):
        end -= 1  # "a bell cracks": after a singular article, a last word in -s is the verb
    while begin < end and lowered[begin].endswith("ly"):
        begin += 1
    if begin < end and lowered[begin].endswith("ed") and (begin > start or before not in _ARTICLE_AFTER):
        begin += 1  # "the baked bread", but not "gas called carbon dioxide"
    found = [weights[word] for word in lowered[begin:end]]
    if not found or min(found) == 0.0 or max(found) <= _DULL_WEIGHT:
        return 0.0, start, end
    total = sum(found) * _RUN_WEIGHTS[end - begin] * _weight_after(before)
    if lowered[end - 1].endswith("ing"):
        total *= 0.6
    if tokens.written[begin:end] != lowered[begin:end] and (begin > start or _is_inside_sentence(before)):
        total *= _NAME_WEIGHT
    return -total, begin, end


def _looks_plural(word: str) -> bool:
    return word.endswith("s") and not word.endswith(("ss", "us", "is"))


def _is_inside_sentence(before: str) -> bool:
    """Say whether a word after `before` stands inside a sentence, where a capital letter means a name."""
    return before not in _SENTENCE_ENDS


def _phrase(tokens: Tokens, begin: int, end: int) -> KeyPhrase:
    before = tokens.lowered[begin - 1] if begin else LINE_END
    words = tokens.written[begin:end]
    if not _is_inside_sentence(before) and words[0].istitle():
        words[0] = tokens.lowered[begin]
    article = _ARTICLE_AFTER.get(before, "")
    if article and any(word[0].isupper() for word in words):
        article = "the" if before == "the" else ""
    if article == "a" and words[0][0] in "aeiou" and not words[0].startswith(("one", "uni", "use", "eu")):
        article = "an"
    return KeyPhrase(" ".join(words), article, begin)


def _distinct(phrases: Iterable[KeyPhrase]) -> list[KeyPhrase]:
    """Keep the first few phrases that share no word with an earlier one and may be repeated at all."""
    kept: list[KeyPhrase] = []
    seen: set[str] = set()
    for phrase in phrases:
        words = phrase.text.lower().split(" ")
        stems = {word.removesuffix("s")[:6] for word in words}
        if seen.isdisjoint(stems) and not any(map(_is_unquotable, words)):
            seen |= stems
            kept.append(phrase)
            if len(kept) == _MAX_PHRASES:
                break
    return kept


@lru_cache(maxsize=1 << 14)
def _is_unquotable(word: str) -> bool:
    return word in UNQUOTABLE_WORDS or word.startswith(UNQUOTABLE_STEMS)
