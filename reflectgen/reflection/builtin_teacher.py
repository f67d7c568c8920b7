"""The teacher that ships with the package: no model, no server, one sentence put together from what a text shows.

It sees surface signs only (line shapes, telling words, key phrases) and takes the guard's verdict as it is. What it
writes varies with the text and the attempt, is the same on every machine, and never repeats more than four words of the
text in a row; of a text that is not safe it names no more than everyday things.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from reflectgen.records import NO_NEIGHBOURS, Category, Chunk, Label, Neighbours, Provenance, Reflection, Reply, Verdict
from reflectgen.reflection import languages
from reflectgen.reflection.genres import Genre, recognise
from reflectgen.reflection.key_phrases import (
    KeyPhrase,
    chinese_phrases,
    english_phrases,
    japanese_phrases,
    plain_phrases,
)
from reflectgen.reflection.sentences import (
    ABOUT,
    CONTROVERSIAL,
    HAZARDS,
    KINDS,
    LAST_RESORT_NOT_SAFE,
    LAST_RESORT_SAFE,
    REMARKS,
    UNSAFE,
    WITHOUT_WORDS,
)
from reflectgen.reflection.stop_words import EVERYDAY_THINGS, STOP_WORDS
from reflectgen.reflection.tokens import Tokens, tokenise
from reflectgen.reflection.words import count_words, find_shared_run, split_words, words_of

VERSION = 1  # of the wording: another sentence for the same chunk is another version

MIN_WORDS = 8
MAX_WORDS = 30
MAX_RUN_WORDS = 4
_MAX_TRIES = 12
# A chunk says what it is about where it begins, and reading on costs time.
_READ_CHARACTERS = 200
_SEARCHED_CHARACTERS = 3000  # for the words that decided
_MAX_EVIDENCE_WORDS = 12
_MAX_EVIDENCE_CHARACTERS = 90


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a text shows on its surface."""

    genre: Genre
    language: str
    phrases: list[KeyPhrase]
    remarks: list[str]
    num_words: int
    num_characters: int


class BuiltinTeacher:
    """Implements `reflectgen.reflection.roles.Teacher` without asking anybody."""

    @property
    def provenance(self) -> Provenance:
        return Provenance(role="teacher", model=f"builtin-teacher-{VERSION}")

    @property
    def instructions(self) -> str:
        return ""

    async def reflect(
        self, chunk: Chunk, label: Label, attempt: int, neighbours: Neighbours = NO_NEIGHBOURS, group: int = 0
    ) -> Reply:
        return self.write(chunk, label, attempt)

    async def close(self) -> None:
        pass

    def write(self, chunk: Chunk, label: Label, attempt: int) -> Reply:
        """Return a reflection with the label's verdict and category; the same for the same text, label and attempt."""
        words, joined = words_of(chunk.text)
        sketch = _sketch(chunk.text, words)
        rationale = _first_fitting(chunk.text, joined, label, sketch, attempt)
        # A verdict against a text must show what it rests on; a safe one rests on nothing in particular.
        evidence = "" if label.verdict is Verdict.SAFE else _quote(chunk.text, label)
        reflection = Reflection(label.verdict, label.category, rationale, evidence)
        return Reply(text=rationale, reflection=reflection, seed=attempt)


class _Dice:
    """A row of choices that depends on nothing but the bytes it was made from."""

    def __init__(self, *seeds: bytes) -> None:
        digest = hashlib.blake2b(b"\0".join(seeds), digest_size=32).digest()
        self._rest = int.from_bytes(digest, "big")

    def pick(self, options: Sequence[str]) -> str:
        self._rest, index = divmod(self._rest, len(options))
        return options[index]

    def number(self, limit: int) -> int:
        """Return a number from 0 up to, not including, `limit`."""
        self._rest, number = divmod(self._rest, limit)
        return number


def _sketch(text: str, words: Sequence[str]) -> Sketch:
    read = _opening(text)
    tokens = tokenise(read)
    language = languages.guess_language(read, tokens)
    is_english = language == languages.ENGLISH
    num_read_words = len(words) * len(read) // max(len(text), 1)
    genre = Genre.GARBLED if language == languages.GARBLED else recognise(read, tokens, num_read_words, is_english)
    return Sketch(
        genre,
        language,
        _phrases(read, language, tokens),
        _remarks(tokens, genre) if is_english else [],
        math.ceil(count_words(words)),
        len(text),
    )


def _opening(text: str) -> str:
    """Return what is read of a text: its beginning, up to the end of a word."""
    if len(text) <= _READ_CHARACTERS:
        return text
    end = text.rfind(" ", 0, _READ_CHARACTERS)
    return text[: end if end > 0 else _READ_CHARACTERS]


def _phrases(text: str, language: str, tokens: Tokens) -> list[KeyPhrase]:
    if language == languages.ENGLISH:
        return english_phrases(tokens)
    if language == "Chinese":
        return chinese_phrases(text)
    if language == "Japanese":
        return japanese_phrases(text)
    # Without a word list, nothing tells a word that names something from one that joins.
    return plain_phrases(tokens, language) if language in STOP_WORDS else []


_TOLD_BY_GENRE = {
    "first person": (Genre.RECOLLECTION, Genre.LETTER, Genre.DIALOGUE, Genre.THREAD, Genre.QUESTIONS, Genre.CODE),
    "group": (Genre.LETTER, Genre.DIALOGUE, Genre.THREAD, Genre.CODE),
    "second person": (Genre.INSTRUCTIONS, Genre.LETTER, Genre.DIALOGUE, Genre.THREAD, Genre.QUESTIONS, Genre.CODE),
    "figures": (Genre.TABLE, Genre.FIGURES, Genre.CODE, Genre.LIST),
    "speech": (Genre.DIALOGUE, Genre.CODE, Genre.TABLE, Genre.THREAD),
    "questions": (Genre.QUESTIONS, Genre.DIALOGUE, Genre.THREAD, Genre.CODE),
    "shouting": (Genre.CODE,),
    "short": (Genre.SNIPPET, Genre.CODE, Genre.TABLE, Genre.LIST),
}


def _remarks(tokens: Tokens, genre: Genre) -> list[str]:
    """Return the keys of `REMARKS` that hold and that the genre does not already tell."""
    counts = tokens.counts
    seen = {
        "first person": counts["i"] + counts["my"] + counts["me"] >= 2,
        "group": counts["we"] + counts["our"] + counts["us"] >= 3,
        "second person": counts["you"] + counts["your"] >= 2,
        "figures": sum(map(str.isdigit, counts)) >= 3,
        "speech": counts['"'] + counts["“"] >= 2,
        "questions": counts["?"] >= 2,
        "shouting": counts["!"] >= 3,
        "short": len(tokens.lowered) < 12,
    }
    return [remark for remark, holds in seen.items() if holds and genre not in _TOLD_BY_GENRE[remark]]


def _first_fitting(text: str, joined: str, label: Label, sketch: Sketch, attempt: int) -> str:
    """Return the first sentence of the right length that takes no long run of the text's `joined` words."""
    content = text.encode("utf-8", "surrogatepass")
    for turn in range(_MAX_TRIES):
        dice = _Dice(content, b"%d.%d" % (attempt, turn))
        if label.verdict is Verdict.SAFE:
            rationale = _write_safe(sketch, dice, attempt + turn, max_phrases=3 - turn // 4)
        else:
            rationale = _write_not_safe(sketch, label, dice)
        words, _ = words_of(rationale)
        if MIN_WORDS <= len(words) <= MAX_WORDS and not find_shared_run(words, joined, MAX_RUN_WORDS):
            return rationale
    return LAST_RESORT_SAFE if label.verdict is Verdict.SAFE else LAST_RESORT_NOT_SAFE


def _write_safe(sketch: Sketch, dice: _Dice, turn: int, max_phrases: int) -> str:
    lengths = {
        "num_words": _count(sketch.num_words, "word"),
        "num_characters": _count(sketch.num_characters, "character"),
    }
    if sketch.genre in WITHOUT_WORDS:
        return dice.pick(WITHOUT_WORDS[sketch.genre]).format(**lengths)
    names = _chosen_phrases(sketch.phrases, min((2, 2, 3)[dice.number(3)], max_phrases), turn)
    about = dice.pick(ABOUT[len(names)]).format(*names, **lengths)
    parts = [dice.pick(KINDS[sketch.genre]), _in_language(sketch), about]
    sentence = " ".join(filter(None, parts))
    if sketch.remarks and dice.number(2):
        sentence = f"{sentence}, {dice.pick(REMARKS[dice.pick(sketch.remarks)])}"
    return f"{sentence}."


def _write_not_safe(sketch: Sketch, label: Label, dice: _Dice) -> str:
    hazard = HAZARDS.get(label.category, HAZARDS[Category.OTHER])
    frames = UNSAFE if label.verdict is Verdict.UNSAFE else CONTROVERSIAL
    kind = " ".join(filter(None, (dice.pick(KINDS[sketch.genre]), _in_language(sketch))))
    things = _everyday_things(sketch.phrases, label)
    if things and dice.number(3):
        kind = f"{kind} about {' and '.join(things)}"
    return dice.pick(frames).format(matter=dice.pick(hazard.matters), wording=dice.pick(hazard.wordings), kind=kind)


def _chosen_phrases(phrases: Sequence[KeyPhrase], num_wanted: int, turn: int) -> list[str]:
    """Take the heaviest phrases on the first turn, others on the next ones, in the order of the text."""
    first = turn * num_wanted % len(phrases) if phrases else 0
    chosen = [*phrases[first:], *phrases[:first]][:num_wanted]
    return [phrase.with_article for phrase in sorted(chosen, key=lambda phrase: phrase.position)]


def _everyday_things(phrases: Sequence[KeyPhrase], label: Label) -> list[str]:
    deciding = {word for words in label.words for word in split_words(words)}
    allowed = EVERYDAY_THINGS - deciding
    found = [phrase for phrase in phrases if phrase.text in allowed]
    return [phrase.with_article for phrase in sorted(found[:2], key=lambda phrase: phrase.position)]


def _in_language(sketch: Sketch) -> str:
    if sketch.language in (languages.ENGLISH, languages.GARBLED) or sketch.genre in (Genre.CODE, *WITHOUT_WORDS):
        return ""
    return f"in {_with_article(sketch.language)}" if sketch.language else "apparently not in English"


def _with_article(language: str) -> str:
    return f"an {language}" if language.startswith("unusual") else language


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_WORD_OF_QUOTE = re.compile(r"\S+")
_QUOTABLE = re.compile(r"\w+")
# A quotation stays inside its line, and stops before anything that could be read as a marker.
_QUOTE_LIMIT = re.compile(r"[\n\r<>{}|\x00-\x08\x0b-\x1f\x7f]")
_SENTENCE_END = re.compile(r"[.!?]['\"”’)]*(?=\s)|[。！？।؟]")


def _quote(text: str, label: Label) -> str:
    """Return a short verbatim quotation around what decided."""
    begin = _find_quotable(text, label)
    before = text[max(0, begin - _MAX_EVIDENCE_CHARACTERS // 3) : begin]
    after = text[begin : begin + _MAX_EVIDENCE_CHARACTERS]
    lead = max((end.end() for pattern in (_QUOTE_LIMIT, _SENTENCE_END) for end in pattern.finditer(before)), default=0)
    if not lead and begin > len(before):
        lead = before.find(" ") + 1  # begin with a whole word
    ends = [end for end in (_QUOTE_LIMIT.search(after, 1), _SENTENCE_END.search(after)) if end]
    limit = min((end.start() if end.re is _QUOTE_LIMIT else end.end() for end in ends), default=len(after))
    return _first_words(before[lead:] + after[:limit])


def _find_quotable(text: str, label: Label) -> int:
    """Return where the thing to be quoted begins: a deciding word, else the first word or sign."""
    read = text[:_SEARCHED_CHARACTERS]
    for words in filter(None, label.words):
        position = read.find(words)
        if position < 0:
            position = read.lower().find(words.lower())
        if 0 <= position < len(text):
            return position
    found = _QUOTABLE.search(text) or _WORD_OF_QUOTE.search(text)
    return found.start() if found else 0


def _first_words(text: str) -> str:
    """Return at most the first twelve words of `text`, and no part of one."""
    words = list(_WORD_OF_QUOTE.finditer(text))[:_MAX_EVIDENCE_WORDS]
    while len(words) > 1 and words[-1].end() - words[0].start() > _MAX_EVIDENCE_CHARACTERS:
        words.pop()
    return text[words[0].start() : words[-1].end()][:_MAX_EVIDENCE_CHARACTERS] if words else ""
