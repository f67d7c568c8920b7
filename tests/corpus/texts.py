"""Texts that are hard to cut, for the tests of this room."""

from __future__ import annotations

from hypothesis import strategies as st

# Letters of many scripts, marks, joiners, flags, Hangul parts, conjuncts, line breaks, stops, quotes, controls.
PIECES = [
    *"aZé9_.,:;'\"!?-()…。，中あカ한ไกא",
    *["\u0301", "\u0e33", "\u200d", "\u200b", "\u00ad", "\ufeff", "\ufe0f", "\u0600", "\0", "©", "\u20e3"],
    *["\U0001f468", "\U0001f469", "\U0001f3fd", "\U0001f1e9", "\U0001f1ea"],
    *["\u1100", "\u1161", "\u11a8", "\u0915", "\u094d", "\u0937"],
    *["\r", "\n", "\r\n", "\n\n", " ", "   ", "\t", "\u00a0", "\u3000", "\u2028", "\x85"],
    *["word ", "Mr. ", "e.g. ", "A sentence. ", "http://x.y/z", "3.14", "| cell | cell |\n", "    return x\n"],
]
hard_texts = st.lists(st.sampled_from(PIECES), max_size=400).map("".join)
texts = st.one_of(hard_texts, st.text(max_size=400))

# Each would be slow, or never end, for a splitter that looks at everything again for every chunk.
LONG_TEXTS = {
    "one letter": "a" * 200_000,
    "a line of words": "ab " * 70_000,
    "no spaces": "中" * 200_000,
    "commas": "x," * 100_000,
    "dashes": "=" * 200_000,
    "sentences": "Hello there. " * 15_000,
    "stops": "." * 200_000,
    "stops and closers": ".)" * 100_000,
    "line breaks": "\n" * 200_000,
    "CR LF": "\r\n" * 100_000,
    "a gap": "a" + " " * 200_000 + "b",
    "one letter with marks": "a" + "\u0301" * 200_000,
    "one family": "\U0001f468\u200d" * 100_000,
    "flags": "\U0001f1e9\U0001f1ea" * 100_000,
    "NUL": "\0" * 200_000,
}
