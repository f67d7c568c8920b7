"""Made-up names, put together from parts: no two alike, none of a real substance on purpose.

A compound is one word of syllables (`carvoraidon`), a mediator a phrase (`peripheral heightened lumenal signaling`), an
outcome a phrase that ends in its head noun (`recurring joint stiffness`). No syllable begins another of its place, so a
name can be cut into its syllables in one way only.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product
from math import prod

HEADS = [
    "car",
    "flu",
    "ben",
    "nor",
    "ser",
    "mir",
    "vor",
    "lep",
    "tal",
    "zan",
    "dro",
    "phel",
    "cas",
    "gly",
    "ost",
    "ter",
    "quin",
    "bex",
    "hal",
    "rup",
]
MIDDLES = ["vo", "lo", "xa", "ti", "ra", "mi", "do", "ne", "ku", "pha", "sei", "bri"]
TAILS = ["dalon", "rine", "fen", "xilan", "tavir", "mab", "stat", "olol", "zide", "gron", "pril", "cept"]
MAX_MIDDLES = 3

MODIFIERS = [
    "sharp",
    "slow",
    "steady",
    "sudden",
    "lasting",
    "recurring",
    "deep",
    "broad",
    "early",
    "late",
    "partial",
    "full",
    "brief",
    "rising",
]
SITES = [
    "joint",
    "nerve",
    "muscle",
    "skin",
    "ear",
    "lung",
    "throat",
    "wrist",
    "spine",
    "jaw",
    "knee",
    "scalp",
    "heel",
    "palm",
]
SAFE_NOUNS = ["calm", "focus", "balance", "sleep", "stamina", "warmth", "clarity", "recall"]
UNSAFE_NOUNS = ["failure", "bleeding", "seizure", "paralysis", "rupture", "delirium"]

REGIONS = [
    "peripheral",
    "central",
    "basal",
    "cortical",
    "lumenal",
    "distal",
    "dermal",
    "renal",
    "hepatic",
    "cardiac",
    "vagal",
    "pelvic",
]
CHANGES = [
    "heightened",
    "lowered",
    "delayed",
    "blunted",
    "doubled",
    "altered",
    "inverted",
    "primed",
    "stalled",
    "shifted",
    "paced",
    "muted",
]
CARRIERS = [
    "lumin",
    "orexal",
    "tavine",
    "sorbin",
    "keltin",
    "mirate",
    "dolase",
    "pyrin",
    "velin",
    "cortane",
    "zymin",
    "fenate",
]
PROCESSES = ["signaling", "uptake", "release", "binding", "transport", "clearance", "turnover", "gating"]


def compound_names(rng: random.Random, number: int) -> list[str]:
    """Return `number` names: a head, up to three middles, a tail; the shorter, the likelier."""
    names: dict[str, None] = {}
    while len(names) < number:
        most = MAX_MIDDLES if len(names) > 1000 else 2
        middles = (rng.choice(MIDDLES) for _ in range(rng.choice((0, 1, 1, 2, most))))
        names["".join((rng.choice(HEADS), *middles, rng.choice(TAILS)))] = None
    return list(names)


def mediator_names(rng: random.Random, number: int) -> list[str]:
    """Return `number` names of three words, or of four where three are not enough to choose from."""
    return _phrases(rng, number, (REGIONS, CHANGES, CARRIERS, PROCESSES), least=3)


def outcome_names(rng: random.Random, num_safe: int, num_unsafe: int, *, cue: bool) -> tuple[list[str], list[str]]:
    """Return the names of safe and of unsafe outcomes; with a `cue` they share no head noun."""
    if cue:
        safe, unsafe = ((MODIFIERS, SITES, nouns) for nouns in (SAFE_NOUNS, UNSAFE_NOUNS))
        return _phrases(rng, num_safe, safe, least=2), _phrases(rng, num_unsafe, unsafe, least=2)
    names = _phrases(rng, num_safe + num_unsafe, (MODIFIERS, SITES, SAFE_NOUNS + UNSAFE_NOUNS), least=2)
    return names[:num_safe], names[num_safe:]


def _phrases(rng: random.Random, number: int, parts: Sequence[Sequence[str]], least: int) -> list[str]:
    """Draw phrases from the first `least - 1` parts and the last, with more of them where there are too few to draw.

    At least half of the phrases stay undrawn, except where no part is left to add.
    """
    used = least
    while used < len(parts) and 2 * number > prod(len(part) for part in _chosen(parts, used)):
        used += 1
    return [" ".join(words) for words in rng.sample(list(product(*_chosen(parts, used))), number)]


def _chosen(parts: Sequence[Sequence[str]], used: int) -> list[Sequence[str]]:
    return [*parts[: used - 1], parts[-1]]


def all_words() -> list[str]:
    """Return every word that a name of several words can hold."""
    pools = (MODIFIERS, SITES, SAFE_NOUNS, UNSAFE_NOUNS, REGIONS, CHANGES, CARRIERS, PROCESSES)
    return [word for pool in pools for word in pool]
