"""The built-in guard's features: a batch of texts as tokens, and the hashed n-grams of words and characters in them.

Everything is integer arithmetic modulo 2**64 on whole batches, so a text's n-grams depend neither on the machine nor on
the texts beside it. Texts are folded first: case, accents, compatibility forms, digits that stand for letters (`h4te`),
letters repeated more than twice, and marks inside words all go.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Bools = NDArray[np.bool_]

CLASS_TABLE_BITS: Final = 18

_SEPARATOR, _WORD, _MARK, _DROPPED, _APOSTROPHE = range(5)
_QUOTE: Final = ord('"')
_LEET: Final = dict(zip("013457@$", "oieastas", strict=True))

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)  # odd, as every multiplier here: nothing is lost modulo 2**64
_SALTS: Final = np.array(
    [((2 * kind + 1) * 0xD6E8FEB86659FD93 ^ 0xBF58476D1CE4E5B9) % 2**64 | 1 for kind in range(16)], dtype=np.uint64
)
_POWERS: Final = np.cumprod(np.full(1 << 10, 0xD6E8FEB86659FD93, dtype=np.uint64))

# Each kind of n-gram has a salt of its own.
UNIGRAM, BIGRAM, TRIGRAM, SKIP, CLASS, CLASS_PAIR, CLASS_GAP1, CLASS_GAP2, CLASS_TRIPLE, CHAR3, CHAR4, CHAR5 = range(12)

# Words of a class need not touch ("women are such a plague"), but they do stand near each other.
_MAX_CLASS_STEP: Final = 6
_MAX_TRIPLE_SPAN: Final = 10


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a batch, in order: words, and the marks ! ? " * one by one.

    `folded` are the code points that count, separators as spaces; `position` says where each stood in the joined texts.
    A token is `folded[start:end]`, `text` numbers the text it is of, `text_start` is where that text began.
    """

    folded: Hashes
    position: Ints
    start: Ints
    end: Ints
    text: Ints
    text_start: Ints

    def __len__(self) -> int:
        return len(self.start)

    @property
    def length(self) -> Ints:
        """Each token's characters, and one for what parts it from the next."""
        return self.end - self.start + 1

    def span(self, token: int) -> tuple[int, int]:
        """Return where a token stands in its own text, in code points."""
        offset = self.text_start[self.text[token]]
        # Up to the next character that counts: what was dropped in between (a letter's repetitions) is the token's.
        return int(self.position[self.start[token]] - offset), int(self.position[self.end[token]] - offset)


def tokenize(texts: Sequence[str]) -> Tokens:
    """Fold the texts and find their tokens; a text without any simply has none."""
    joined = "\n" + "\n".join(texts) + "\n"
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    folded, kinds = _fold(codes)
    position = np.flatnonzero(~_is_dropped(folded, kinds))
    folded, kinds = folded[position], kinds[position]
    in_word, is_mark = kinds == _WORD, kinds == _MARK
    start = np.flatnonzero((in_word & ~_previous(in_word)) | is_mark)
    end = np.flatnonzero((in_word & ~_next(in_word)) | is_mark) + 1
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    text_start = np.cumsum(lengths + 1) - lengths
    text = np.searchsorted(text_start, position[start], side="right") - 1
    folded[~(in_word | is_mark)] = ord(" ")
    return Tokens(folded.astype(np.uint64), position, start, end, text, text_start)


def hash_words(tokens: Tokens) -> Hashes:
    """Return one hash a token: equal words, equal hashes."""
    if not len(tokens):
        return np.zeros(0, dtype=np.uint64)
    bounds = np.stack([tokens.start, tokens.end], axis=1).ravel()
    within = np.arange(len(tokens.folded)) - np.repeat(
        np.concatenate([[0], tokens.start]), np.diff(np.concatenate([[0], tokens.start, [len(tokens.folded)]]))
    )
    letters = tokens.folded * _POWERS[within & (len(_POWERS) - 1)]
    sums = np.add.reduceat(letters, bounds)[::2]
    sums ^= sums >> np.uint64(32)
    return sums * _STEP


def class_table(classes: Sequence[Sequence[str]]) -> NDArray[np.uint8]:
    """Return the table that `ngrams` reads word classes from; the words of `classes[i]` are of class i + 1."""
    table = np.zeros(1 << CLASS_TABLE_BITS, dtype=np.uint8)
    for number, words in enumerate(classes, start=1):
        table[_high_bits(hash_words(tokenize(words)), CLASS_TABLE_BITS)] = number
    return table


def ngrams(tokens: Tokens, table: NDArray[np.uint8], bits: int) -> Iterator[tuple[int, Ints, Ints]]:
    """Yield (kind, the token each n-gram ends in, its bucket below 2**bits) for every kind."""
    yield from word_ngrams(tokens, table, bits)
    yield from _character_ngrams(tokens, bits)


def word_ngrams(tokens: Tokens, table: NDArray[np.uint8], bits: int) -> Iterator[tuple[int, Ints, Ints]]:
    """Yield the same for all kinds but those of characters."""
    words = hash_words(tokens)
    last = np.arange(len(tokens))
    pair, triple = last[1:][_same_text(tokens, last, 1)], last[2:][_same_text(tokens, last, 2)]
    yield UNIGRAM, last, _bucket(UNIGRAM, bits, words)
    yield BIGRAM, pair, _bucket(BIGRAM, bits, words[pair], words[pair - 1])
    yield TRIGRAM, triple, _bucket(TRIGRAM, bits, words[triple], words[triple - 1], words[triple - 2])
    yield SKIP, triple, _bucket(SKIP, bits, words[triple], words[triple - 2])
    yield from _class_ngrams(tokens, table[_high_bits(words, CLASS_TABLE_BITS)], bits)


def _class_ngrams(tokens: Tokens, classes: NDArray[np.uint8], bits: int) -> Iterator[tuple[int, Ints, Ints]]:
    """Yield the n-grams of word classes, over the words that have one, whatever stands between them."""
    classed = np.flatnonzero(classes)
    hashes = (classes[classed].astype(np.uint64) + np.uint64(1)) * _STEP
    index = np.arange(len(classed))
    yield CLASS, classed, _bucket(CLASS, bits, hashes)
    for step, kind in enumerate((CLASS_PAIR, CLASS_GAP1, CLASS_GAP2), start=1):
        near = _same_text(tokens, classed, step) & (classed[step:] - classed[:-step] <= _MAX_CLASS_STEP * step)
        one = index[step:][near]
        yield kind, classed[one], _bucket(kind, bits, hashes[one], hashes[one - step])
    near = _same_text(tokens, classed, 2) & (classed[2:] - classed[:-2] <= _MAX_TRIPLE_SPAN)
    one = index[2:][near]
    yield CLASS_TRIPLE, classed[one], _bucket(CLASS_TRIPLE, bits, hashes[one], hashes[one - 1], hashes[one - 2])


def character_weights(tokens: Tokens, weights: NDArray[Any], bits: int) -> Ints:
    """Return what the n-grams of characters that end in each token weigh, by the `weights` of their buckets.

    It is the sum that `ngrams` leads to, in a third of the time: most positions end an n-gram, so all are computed.
    """
    if not len(tokens):
        return np.zeros(0, dtype=np.int64)
    total = np.zeros(len(tokens.folded), dtype=np.int32)
    for length, kind, rolled, is_one in _rolled(tokens.folded):
        found = weights[_bucket(kind, bits, rolled)]
        found *= is_one
        total[length - 1 :] += found
    sums: Ints = np.add.reduceat(total, tokens.start, dtype=np.int64)  # what follows a token is its own up to the next
    return sums


def _character_ngrams(tokens: Tokens, bits: int) -> Iterator[tuple[int, Ints, Ints]]:
    """Yield 3- to 5-grams of characters; a space may be their first or last, never between."""
    started = np.zeros(len(tokens.folded), dtype=np.int64)
    started[tokens.start] = 1
    token = np.cumsum(started) - 1
    for length, kind, rolled, is_one in _rolled(tokens.folded):
        one = np.flatnonzero(is_one)
        yield kind, token[one + length - 1], _bucket(kind, bits, rolled[one])


def _rolled(letters: Hashes) -> Iterator[tuple[int, int, Hashes, Bools]]:
    """Yield (length, kind, hash of the characters from each position on, whether these are an n-gram)."""
    index = np.arange(len(letters), dtype=np.int32)
    last_space = np.maximum.accumulate(np.where(letters == ord(" "), index, 0))
    reach = index[1:] - last_space[:-1]  # of each character but the first, back to the last space before it
    rolled = letters[:-1] * _STEP + letters[1:]
    for length, kind in ((3, CHAR3), (4, CHAR4), (5, CHAR5)):
        rolled = rolled[:-1] * _STEP + letters[length - 1 :]
        yield length, kind, rolled, reach[length - 2 :] >= length - 1


def _bucket(kind: int, bits: int, *hashes: Hashes) -> Ints:
    """Mix the hashes of an n-gram, last word first, into a bucket."""
    mixed = hashes[0] * _SALTS[kind]
    for place, one in enumerate(hashes[1:], start=1):
        mixed = mixed + one * (_SALTS[kind] ^ _SALTS[12 + place] ^ np.uint64(1))
    return _high_bits(mixed, bits)


def _high_bits(hashes: Hashes, bits: int) -> Ints:
    return (hashes >> np.uint64(64 - bits)).view(np.int64)  # far below 2**63


def _same_text(tokens: Tokens, chosen: Ints, step: int) -> Bools:
    text = tokens.text[chosen]
    same: Bools = text[step:] == text[:-step]
    return same


def _fold(codes: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return each code point's folded form and its kind; digits and signs in words are read as letters."""
    folded, kinds = _LATIN_FOLDED[np.minimum(codes, _LATIN - 1)], _LATIN_KINDS[np.minimum(codes, _LATIN - 1)]
    beyond = np.flatnonzero(codes >= _LATIN)
    if len(beyond):
        distinct, which = np.unique(codes[beyond], return_inverse=True)
        known = [_fold_character(chr(code)) for code in distinct.tolist()]
        folded[beyond] = np.array([code for code, _ in known], dtype=np.uint32)[which]
        kinds[beyond] = np.array([kind for _, kind in known], dtype=np.uint8)[which]
    _read_leet(folded, kinds)
    return folded, kinds


def _read_leet(folded: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> None:
    """Turn digits beside a letter, and @ or $ between letters, into the letters they stand for, in place."""
    letter = _LEET_LETTERS[np.minimum(folded, 127)]
    if not letter.any():
        return
    is_letter = (kinds == _WORD) & ~((folded >= ord("0")) & (folded <= ord("9")))
    before, after = _previous(is_letter), _next(is_letter)
    stands = (letter > 0) & (folded < 128) & np.where(kinds == _WORD, before | after, before & after)
    folded[stands] = letter[stands]
    kinds[stands] = _WORD


def _is_dropped(folded: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> Bools:
    """Say which code points do not count: invisible ones, apostrophes in words, a letter's third repetition and on.

    Apostrophes that are not in a word become quotation marks, in place.
    """
    in_word = kinds == _WORD
    apostrophe = kinds == _APOSTROPHE
    inner = apostrophe & _previous(in_word) & _next(in_word)
    kinds[apostrophe & ~inner] = _MARK
    folded[apostrophe & ~inner] = _QUOTE
    repeated = np.zeros(len(folded), dtype=np.bool_)
    repeated[2:] = (folded[2:] == folded[1:-1]) & (folded[2:] == folded[:-2]) & (kinds[2:] != _SEPARATOR)
    dropped: Bools = (kinds == _DROPPED) | inner | repeated
    return dropped


def _previous(flags: Bools) -> Bools:
    return np.concatenate([[False], flags[:-1]])


def _next(flags: Bools) -> Bools:
    return np.concatenate([flags[1:], [False]])


@cache
def _fold_character(character: str) -> tuple[int, int]:
    """Return a character's folded code point and its kind."""
    if character in "'’‘`":
        return _QUOTE, _APOSTROPHE
    if character in '!?"“”*':
        return (_QUOTE if character in "“”" else ord(character)), _MARK
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):
        return ord(character), _DROPPED
    if not (character.isalnum() or category == "Mc"):
        return ord(character), _SEPARATOR
    folded = unicodedata.normalize("NFKD", character.lower()).lower()
    return ord(folded[0]), _WORD


_LATIN: Final = 0x250
_LATIN_FOLDED: Final = np.array([_fold_character(chr(code))[0] for code in range(_LATIN)], dtype=np.uint32)
_LATIN_KINDS: Final = np.array([_fold_character(chr(code))[1] for code in range(_LATIN)], dtype=np.uint8)
_LEET_LETTERS: Final = np.array([ord(_LEET.get(chr(code), "\0")) for code in range(128)], dtype=np.uint32)
