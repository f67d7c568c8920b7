"""In which language or script a text seems to be, as far as a sentence about it needs to know."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter

from reflectgen.reflection.stop_words import DULL_WORDS, EVERYDAY_THINGS, STOP_WORDS, VERBS
from reflectgen.reflection.tokens import Tokens

ENGLISH = "English"
UNKNOWN = ""  # Latin letters, and no language with a word list here
GARBLED = "garbled"

# First code points of Unicode blocks, with the script that begins there.
_BLOCKS = (
    (0x0000, "Latin"),
    (0x0370, "Greek"),
    (0x0400, "Cyrillic"),
    (0x0530, "Armenian"),
    (0x0590, "Hebrew"),
    (0x0600, "Arabic"),
    (0x0700, "unusual"),
    (0x0900, "Devanagari"),
    (0x0980, "Bengali"),
    (0x0A00, "Gurmukhi"),
    (0x0A80, "Gujarati"),
    (0x0B00, "Odia"),
    (0x0B80, "Tamil"),
    (0x0C00, "Telugu"),
    (0x0C80, "Kannada"),
    (0x0D00, "Malayalam"),
    (0x0D80, "Sinhala"),
    (0x0E00, "Thai"),
    (0x0E80, "Lao"),
    (0x0F00, "Tibetan"),
    (0x1000, "Burmese"),
    (0x10A0, "Georgian"),
    (0x1100, "Korean"),
    (0x1200, "Ethiopic"),
    (0x1400, "unusual"),
    (0x1780, "Khmer"),
    (0x1800, "Mongolian"),
    (0x1E00, "Latin"),
    (0x1F00, "Greek"),
    (0x2000, "unusual"),
    (0x3040, "Japanese"),
    (0x3100, "unusual"),
    (0x3400, "Chinese"),
    (0xA000, "unusual"),
    (0xAC00, "Korean"),
    (0xD7B0, "unusual"),
    (0xFF21, "Latin"),
    (0xFF5B, "unusual"),
    (0x20000, "Chinese"),
)
_STARTS = [start for start, _ in _BLOCKS]
_LANGUAGES_BY_SCRIPT = {"Latin": ("French", "German", "Spanish", "Portuguese", "Italian", "Dutch")} | {
    "Cyrillic": ("Russian",),
    "Arabic": ("Arabic",),
    "Devanagari": ("Hindi",),
}
# A language and its script in one; of the others only the script is known.
_ALSO_LANGUAGES = frozenset(("Japanese", "Chinese", "Korean", "Thai", "Lao", "Tibetan", "Burmese", "Khmer"))
_SAMPLE_CHARACTERS = 600
_PERSIAN_LETTER = re.compile("[پچژگ]")  # and Urdu, Pashto: much of their short words is spelt like Arabic's
_ENGLISH_SIGNS = STOP_WORDS[ENGLISH] | VERBS | DULL_WORDS | EVERYDAY_THINGS
# Bytes of UTF-8 or of an old code page, read as Latin-1 or Windows-1252, or characters already given up.
_MOJIBAKE = re.compile("[\x80-\x9f\ufffd]|[ÃÂÐÑØÙàáâãä][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")


def guess_language(text: str, tokens: Tokens) -> str:
    """Return a language's name ("French"), "X script", `GARBLED`, or `UNKNOWN`."""
    distinct = frozenset(tokens.counts)
    num_english = len(distinct & STOP_WORDS[ENGLISH])
    if num_english >= 0.18 * len(distinct) + 1:
        return ENGLISH
    script = "Latin" if text.isascii() else _script(text[:_SAMPLE_CHARACTERS])
    if script == GARBLED:
        return GARBLED
    best, num_best = ENGLISH, num_english
    for language in _LANGUAGES_BY_SCRIPT.get(script, ()):
        num_hits = len(distinct & STOP_WORDS[language])
        if num_hits > num_best:
            best, num_best = language, num_hits
    if script != "Latin":
        if best != ENGLISH and num_best >= max(2, 0.08 * len(distinct)) and not _PERSIAN_LETTER.search(text):
            return best
        return script if script in _ALSO_LANGUAGES else f"{script} script"
    if best != ENGLISH and num_best >= 2 and num_best >= 0.1 * len(distinct):
        return best
    # Headings, names and code have hardly a stop word in them; so have other languages, in longer texts.
    num_signs = len(distinct & _ENGLISH_SIGNS)
    return ENGLISH if len(distinct) < 25 or num_signs >= max(2, 0.08 * len(distinct)) else UNKNOWN


def _script(sample: str) -> str:
    letters = [character for character in sample if character.isalpha()]
    if not letters:
        return "Latin"
    if 12 * len(_MOJIBAKE.findall(sample)) > len(letters):
        return GARBLED
    if 2 * sum("\x80" <= letter <= "\xff" for letter in letters) > len(letters) > 8:
        return GARBLED
    scripts = Counter(_BLOCKS[bisect_right(_STARTS, ord(letter)) - 1][1] for letter in letters)
    if scripts["Japanese"] * 10 > len(letters):
        return "Japanese"
    return scripts.most_common(1)[0][0]
