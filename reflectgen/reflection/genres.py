"""What a text does, guessed from cheap surface signs: line shapes, punctuation and a few telling words.

A guess is worded as one ("what reads like a letter") and is right often enough to be useful, not to be relied on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise

from reflectgen.reflection.tokens import Tokens


class Genre(StrEnum):
    BLANK = "blank"
    SYMBOLS = "symbols"
    FIGURES = "figures"
    TABLE = "table"
    CODE = "code"
    LIST = "list"
    QUESTIONS = "questions"
    DIALOGUE = "dialogue"
    LETTER = "letter"
    VERSE = "verse"
    INSTRUCTIONS = "instructions"
    SPEECH = "speech"
    REVIEW = "review"
    MINUTES = "minutes"
    THREAD = "thread"
    ACCOUNT = "account"
    MESSAGE = "message"
    RECOLLECTION = "recollection"
    NARRATION = "narration"
    ARGUMENT = "argument"
    REPORT = "report"
    EXPLANATION = "explanation"
    SNIPPET = "snippet"
    GARBLED = "garbled"
    PROSE = "prose"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Each telling word votes for one genre; the genre with the largest share of votes against its bar is taken.
_TELLING_WORDS = {
    Genre.LETTER: "dear sincerely regards yours kisses hugs p.s ps affectionately enclosed cordially",
    Genre.SPEECH: "fellow citizens congress nation countrymen ladies gentlemen friends tonight brothers sisters let us"
    " americans republic",
    Genre.REVIEW: "film movie plot director actor actors acting scene scenes cast reviewer rating stars sequel novel"
    " audience script screenplay performance performances restaurant waiter recommend soundtrack",
    Genre.MINUTES: "minutes agenda present apologies chair motion seconded proposed carried adjourned treasurer"
    " attendees resolved quorum",
    Genre.MESSAGE: "lol omg haha rt u ur btw idk thread op posted forum upvote upvoted mods tho dm subreddit reply",
    Genre.ARGUMENT: "because therefore however although argue argument should must ought believe better worse reason"
    " reasons whether nor rather surely opinion evidence instead why claim fair",
    Genre.REPORT: "announced reported according officials percent spokesman spokeswoman residents council police"
    " yesterday monday tuesday wednesday thursday friday minister government agency launched million",
    Genre.EXPLANATION: "is are called means which such example can these when known form made kind usually process"
    " most between into each other",
}
# Votes per hundred words from which a genre is believed.
_BARS = {
    Genre.LETTER: 2.0,
    Genre.SPEECH: 4.0,
    Genre.REVIEW: 3.0,
    Genre.MINUTES: 4.0,
    Genre.MESSAGE: 2.5,
    Genre.ARGUMENT: 5.0,
    Genre.REPORT: 3.5,
    Genre.EXPLANATION: 6.0,
}


# Grammar that tells narration from recollection.
_PAST = "was were had did said went came took saw knew thought made looked stood felt began told"
_PAST_ENDINGS = ("ed ", "ed,", "ed.", "ed\n")
_FIRST_PERSON = "i my me mine myself i'm i'd i've i’m i’d i’ve"
_THIRD_PERSON = "he she him her his hers himself herself"
# Every telling word, with the place where it is counted: those of `_BARS` in their order, then grammar.
_VOTES = {
    word: place
    for place, words in enumerate(
        (_PAST, _FIRST_PERSON, _THIRD_PERSON, *map(_TELLING_WORDS.__getitem__, _BARS)), start=-3
    )
    for word in words.split()
}

_IMPERATIVES = _words(
    "add stir mix preheat bake cut place press click select remove attach turn insert make check pour tighten"
    " choose enter follow use avoid start repeat rinse wait create set install open ensure let put take keep leave"
    " try do don't never always consider include provide write read ask tell give get go look find run save send"
    " call bring hold fold drain cover heat boil simmer season sprinkle measure wash dry clean wipe plan design"
    " test review contact visit learn see remember be think begin once when before after if first then next"
)
_SENTENCE_ENDS = frozenset(".!?:\n")

_CODE_LINE = re.compile(
    r".*[;{}]\s*$|\s*(?:def|class|import|from|return|if|for|while|else|elif|try|print|const|let|var|function|public|#include"
    r"|using|</?\w+)\b.*[:;(){}=>]|\s*[\w.]+\s*[-+*/]?=\s*\S|\s*@\w+$|(?:--|//|#!)\s?\w"
    r"|\s*(?:CREATE|SELECT|INSERT|UPDATE|FROM|JOIN|WHERE|AND|ORDER BY|PRIMARY KEY)\b"
)
_CODE_SYMBOLS = ("=", ";", "{", "(", "<", "--", "//")
_LIST_LINE = re.compile(r"\s*(?:[-*•‣–]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+\S")
_TURN_LINE = re.compile(r"\s*[A-Z][\w .'-]{0,24}:\s+\S|\s*[–—]\s?\w")
_POST_LINE = re.compile(r"[a-z][\w.-]{2,23}: +\S|[A-Z]\w*[_\d]\w*: +\S")
_QUESTION_LINE = re.compile(r"\s*(?:Q|A|Question|Answer|FAQ)\b\s*\d*[.:)]|[^\n]*\?\s*$")
_QUOTED = re.compile(r"[\"“„][^\"“”„]{2,}[\"”“]|«[^»]{2,}»")
_GREETING = re.compile(r"\s*(?:dear|my dear|dearest|hi|hello)\b[^\n.]{1,60}[,!:]?\s*\n", re.IGNORECASE)


def recognise(text: str, tokens: Tokens, num_words: int, is_english: bool) -> Genre:
    """Guess the genre of `text`. Only English has telling words here."""
    if not any(token[0].isalpha() for token in tokens.counts):
        return _without_words(text)
    by_lines = _by_lines(text, [line for line in text.split("\n") if line and not line.isspace()], num_words)
    if by_lines is not None:
        return by_lines
    if not is_english:
        return Genre.PROSE
    return Genre.INSTRUCTIONS if _tells_what_to_do(tokens) else _by_words(text, tokens.counts, num_words)


def _without_words(text: str) -> Genre:
    if not text.strip():
        return Genre.BLANK
    return Genre.FIGURES if any(map(str.isdigit, text)) else Genre.SYMBOLS


def _by_lines(text: str, lines: Sequence[str], num_words: int) -> Genre | None:
    """Recognise what shows in the shape of the lines; None for running prose."""
    num_code_symbols = sum(map(text.count, _CODE_SYMBOLS))
    if (
        num_code_symbols >= 2
        and 8 * num_code_symbols >= num_words
        and _num_matching(_CODE_LINE, lines) * 3 >= len(lines)
    ):
        return Genre.CODE
    if len(lines) == 1:
        return None
    if sum(map(_is_table_line, lines)) >= max(2, len(lines) // 2):
        return Genre.TABLE
    if _GREETING.match(text):
        return Genre.LETTER
    if _num_matching(_LIST_LINE, lines) >= max(2, len(lines) // 2):
        return Genre.LIST
    if text.count("?") >= 2 and _num_matching(_QUESTION_LINE, lines) >= max(2, len(lines) // 3):
        return Genre.QUESTIONS
    if ":" in text and _num_matching(_POST_LINE, lines) >= max(2, len(lines) // 2):
        return Genre.THREAD
    if _num_matching(_TURN_LINE, lines) >= max(2, len(lines) * 2 // 3):
        return Genre.DIALOGUE
    if len(lines) >= 4 and max(map(len, lines)) <= 64 and num_words < 9 * len(lines):
        return Genre.VERSE if num_words > 3.5 * len(lines) else Genre.LIST
    return None


def _num_matching(pattern: re.Pattern[str], lines: Sequence[str]) -> int:
    return sum(pattern.match(line) is not None for line in lines)


def _is_table_line(line: str) -> bool:
    return line.count("\t") >= 2 or line.count("|") >= 2 or line.count(",") - line.count(", ") >= 2


def _tells_what_to_do(tokens: Tokens) -> bool:
    if sum(tokens.counts[word] for word in tokens.counts.keys() & _IMPERATIVES) < 2:
        return False
    starts = [word for before, word in pairwise(("\n", *tokens.lowered)) if before in _SENTENCE_ENDS]
    num_imperatives = sum(word in _IMPERATIVES for word in starts)
    return num_imperatives >= 2 and num_imperatives * 5 >= sum(word[0].isalpha() for word in starts) * 2


def _by_words(text: str, counts: Counter[str], num_words: int) -> Genre:
    per_hundred = 100 / max(num_words, 25)
    num_quotes = counts['"'] + counts["“"] + counts["”"] + counts["«"] + counts["»"]
    if num_quotes >= 4 and 5 * sum(map(len, _QUOTED.findall(text))) >= 2 * len(text):
        return Genre.DIALOGUE
    votes = [0] * (len(_BARS) + 3)  # grammar stands at the end, which is where -3 to -1 point
    for word in counts.keys() & _VOTES.keys():
        votes[_VOTES[word]] += counts[word]
    votes[-3] += sum(map(text.count, _PAST_ENDINGS))
    past, first, third = (count * per_hundred for count in votes[-3:])
    shares = [count * per_hundred / bar for count, bar in zip(votes, _BARS.values(), strict=False)]
    strength = max(shares)
    best = tuple(_BARS)[shares.index(strength)]
    if past >= 5 and third >= 3 and strength < 1.6:
        return Genre.NARRATION
    if first >= 4 and strength < 1.6:
        return Genre.RECOLLECTION if past >= 5 or num_words >= 40 else Genre.MESSAGE
    if strength >= 1:
        return best
    if "@" in counts or "#" in counts or "http" in counts:
        return Genre.MESSAGE
    if past >= 7:
        return Genre.ACCOUNT
    return Genre.SNIPPET if num_words < 12 else Genre.PROSE
