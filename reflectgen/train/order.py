"""The order of sequences: a seeded permutation of any size that is computed, never stored."""

from __future__ import annotations

import numpy as np

ROUNDS = 6
_MASK = (1 << 64) - 1


def permuted(index: int, size: int, key: int) -> int:
    """Return the place of `index` in the permutation of range(size) that `key` names; constant memory at any size.

    A Feistel network over the next even number of bits, walked until it lands within `size` (cycle walking: Black
    and Rogaway, "Ciphers with arbitrary finite domains", 2002).

    Raises:
        IndexError: `index` is not within `size`.
    """
    if not 0 <= index < size:
        raise IndexError(f"no index {index} in a permutation of {size}")
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    low = (1 << half) - 1
    while True:
        left, right = index >> half, index & low
        for turn in range(ROUNDS):
            left, right = right, left ^ (_mixed(right ^ _mixed(key + turn)) & low)
        index = left << half | right
        if index < size:
            return index


def key_of(seed: int, *purpose: int) -> int:
    """Return a key of 64 bits; other seeds or purposes give other keys."""
    return int(np.random.SeedSequence([seed, *purpose]).generate_state(1, np.uint64)[0])


def _mixed(value: int) -> int:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
