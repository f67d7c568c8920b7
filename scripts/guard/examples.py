"""What the guard is trained and tried on: the rows as they are, crops of prose, and rows set inside prose."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.guard.rows import Prose, Row

NUM_CROPS = 6000
NUM_FRAGMENTS = 2000
NUM_PROSE_SCORED = 8000
_CROP_WORDS = (6, 12, 25, 50, 100)  # about the sizes at which windows are scored
_FRAGMENT_WORDS = (1, 2, 3, 4, 6, 9, 12)  # titles, captions, list items
_SEED = 1


@dataclass(frozen=True, slots=True)
class Examples:
    """`rows` are the labelled rows (the first `num_labeled`), then the look-alikes, whether they may train or not.

    For training: `training_rows` of them, `crops` of prose, and `in_crops`, each training row between a few words of
    prose. For scoring: `rows`, `prose`, `fragments` of a few words of it, and `in_prose`, each of the `hidden` unsafe
    rows inside a chunk of prose.
    """

    rows: list[Row]
    num_labeled: int
    training_rows: list[Row]
    crops: list[Prose]
    in_crops: list[str]
    hidden: list[Row]
    in_prose: list[str]
    prose: list[Prose]
    fragments: list[Prose]


def make_examples(labeled: list[Row], contrast: list[Row], prose: list[Prose]) -> Examples:
    """Draw the examples: same input, same examples."""
    chance = random.Random(_SEED)
    training_rows = [row for row in labeled + contrast if not row.refused]
    training_prose = [chunk for chunk in prose if not chunk.refused]
    hidden = [row for row in labeled if row.unsafe and not row.written_by_model]
    return Examples(
        rows=labeled + contrast,
        num_labeled=len(labeled),
        training_rows=training_rows,
        crops=[_crop(chance.choice(training_prose), _CROP_WORDS, chance) for _ in range(NUM_CROPS)],
        in_crops=_set_in_crops(training_rows, training_prose, chance),
        hidden=hidden,
        in_prose=_set_in_prose(hidden, prose, chance),
        prose=chance.sample(prose, min(NUM_PROSE_SCORED, len(prose))),
        fragments=[_crop(chance.choice(prose), _FRAGMENT_WORDS, chance) for _ in range(NUM_FRAGMENTS)],
    )


def _set_in_crops(rows: Sequence[Row], chunks: Sequence[Prose], chance: random.Random) -> list[str]:
    """Return each row's text between a few words of prose from its own fold, as a window would see it."""
    by_fold = _by_fold(chunks)
    texts = []
    for row in rows:
        words = chance.choice(by_fold[row.fold]).text.split()
        size = chance.randint(5, 60)
        start = chance.randint(0, max(0, len(words) - size))
        texts.append(_set_inside(row.text, words[start : start + size], chance))
    return texts


def _set_in_prose(rows: Sequence[Row], chunks: Sequence[Prose], chance: random.Random) -> list[str]:
    """Return each row's text inside a whole chunk of prose from its own fold, between two words of it."""
    by_fold = _by_fold([chunk for chunk in chunks if len(chunk.text.split()) >= 60])
    return [_set_inside(row.text, chance.choice(by_fold[row.fold]).text.split(), chance) for row in rows]


def _set_inside(text: str, words: Sequence[str], chance: random.Random) -> str:
    at = chance.randint(1, len(words) - 1)
    return f"{' '.join(words[:at])} {text} {' '.join(words[at:])}"


def _crop(chunk: Prose, sizes: Sequence[int], chance: random.Random) -> Prose:
    words = chunk.text.split()
    size = chance.choice(sizes)
    start = chance.randint(0, max(0, len(words) - size))
    return Prose(" ".join(words[start : start + size]), chunk.source, chunk.document, chunk.refused)


def _by_fold(chunks: Sequence[Prose]) -> dict[int, list[Prose]]:
    found = defaultdict(list)
    for chunk in chunks:
        found[chunk.fold].append(chunk)
    return found
