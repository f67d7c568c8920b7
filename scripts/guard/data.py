"""Where the training reads from: the labelled folder, and the word classes beside this file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reflectgen.corpus.chunk import ChunkOptions, make_chunker
from reflectgen.reflection.ngrams import class_table
from scripts.guard.rows import Prose, Row, read_prose, read_rows

WORD_CLASSES = Path(__file__).with_name("word_classes.txt")


def read_data(folder: Path) -> tuple[list[Row], list[Row], list[Prose]]:
    """Return the folder's labelled rows, look-alikes, and prose in chunks as a run would cut it."""
    return (
        read_rows(folder / "safety_labeled.jsonl"),
        read_rows(folder / "contrast.jsonl"),
        read_prose(folder / "corpus.jsonl", make_chunker(ChunkOptions()).ends),
    )


def read_word_classes() -> NDArray[np.uint8]:
    """Return the table of word classes; in the file each line is a class, its name first."""
    lines = WORD_CLASSES.read_text(encoding="utf-8").splitlines()
    return class_table([line.split()[1:] for line in lines])
