"""Made-up prose, the same for every client that is measured: many different words, in sentences."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

NUM_WORDS = 180
VOCABULARY = 4000
_ONSETS = tuple(re.split(" ", "b br c ch d dr f g gr h k l m n p pl r s sh st t tr v w"))
_VOWELS = tuple(re.split(" ", "a e i o u ai ea oo"))
_CODAS = ["", "", "n", "r", "s", "l", "t", "m", "nd", "st"]


def write_texts(path: Path, num_texts: int, seed: int = 0) -> Path:
    """Write `num_texts` documents of 180 words each as JSON lines."""
    rng = random.Random(seed)
    words = sorted({"".join(_syllable(rng) for _ in range(rng.randint(2, 3))) for _ in range(VOCABULARY)})
    rng.shuffle(words)
    with path.open("w", encoding="utf-8") as out:
        for number in range(num_texts):
            out.write(json.dumps({"id": f"d{number}", "text": _text(rng, words)}) + "\n")
    return path


def _text(rng: random.Random, words: list[str]) -> str:
    sentences, left = [], NUM_WORDS
    while left:
        length = min(rng.randint(7, 16), left)
        sentence = " ".join(rng.choice(words) if rng.random() < 0.6 else rng.choice(_SMALL) for _ in range(length))
        sentences.append(sentence.capitalize() + ".")
        left -= length
    return " ".join(sentences)


_SMALL = tuple(re.split(" ", "the a of to in and was with on for that by from at it as his her their"))


def _syllable(rng: random.Random) -> str:
    return rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)
