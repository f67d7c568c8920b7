"""How fast the chunker is on English prose beside sentence splitters that others use, and how good its cuts are.

Everything runs in one process on one core, in turn, several rounds; the best round counts for each. A cut is good if a
line ends there, if a stop and its closing marks stand before it, or if nltk's punkt sees a sentence end there. A cut
that is not good still passes where the sentence around it, as punkt sees it, has more words than a chunk may have.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from datatrove.utils.word_tokenizers import WhitespaceTokenizer, load_word_tokenizer  # type: ignore[import-untyped]
from nltk.tokenize.punkt import PunktSentenceTokenizer  # type: ignore[import-untyped]
from semantic_text_splitter import TextSplitter

from benchmarks.report import REPOSITORY, Bar, Figure, report
from reflectgen.corpus.chunk import WordChunker

ROUNDS = 3
CHUNK_WORDS = 100
WORD = re.compile(r"\w+")
STOP_BEFORE = re.compile(r"[.!?…。！？]['\"”’»)\]}*_]*\s*\Z")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    texts = read_texts(parser.parse_args().data / "corpus.jsonl")
    num_mb = sum(len(text.encode()) for text in texts) / 1e6
    chunker = WordChunker(CHUNK_WORDS)
    splitters = {"reflectgen words": chunker.ends, **rivals()}
    seconds = {name: min(rounds) for name, rounds in time_in_turn(splitters, texts).items()}
    speeds = {name: num_mb / best for name, best in seconds.items()}
    ends = [chunker.ends(text) for text in texts]
    good, bad, overlong = judge_cuts(texts, ends)
    share = 100 * good / (good + bad)
    figures: dict[str, Figure] = {
        "documents": len(texts),
        "MB": num_mb,
        "chunks": sum(map(len, ends)),
        "mean words a chunk": sum(len(WORD.findall(text)) for text in texts) / sum(map(len, ends)),
        **{f"MB/s, {name}": speed for name, speed in speeds.items()},
        "cuts at a sentence's or line's end": good,
        "cuts elsewhere, the sentence fits": bad,
        "cuts inside an overlong sentence": overlong,
    }
    ours = speeds["reflectgen words"]
    bars = [Bar("MB/s of English prose on one core", ours, ">=", 10)]
    bars += [Bar(f"times as fast as {name}", ours / speeds[name], ">=", 1) for name in speeds if name in SENTENCES]
    bars += [Bar("% of cuts at a sentence's or line's end where the sentence fits", share, ">=", 99)]
    report("chunking", figures, bars)


def read_texts(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


SENTENCES = (
    "nltk punkt (untrained)",
    "datatrove WhitespaceTokenizer",
    "datatrove English (spaCy sentencizer)",
)


def rivals() -> dict[str, Callable[[str], object]]:
    """Return the other splitters; datatrove's English one needs spaCy, which the extra `dev` does not install."""
    punkt, whitespace = PunktSentenceTokenizer(), WhitespaceTokenizer()
    splitter = TextSplitter.from_callback(lambda text: len(text.split()), CHUNK_WORDS, trim=False)
    found: dict[str, Callable[[str], object]] = {
        SENTENCES[0]: lambda text: list(punkt.span_tokenize(text)),
        SENTENCES[1]: whitespace.sent_tokenize,
        f"semantic-text-splitter {version('semantic-text-splitter')} (str.split words)": splitter.chunks,
    }
    if find_spec("spacy"):
        found[SENTENCES[2]] = load_word_tokenizer("eng").sent_tokenize
    return found


def time_in_turn(splitters: dict[str, Callable[[str], object]], texts: Sequence[str]) -> dict[str, list[float]]:
    """Return every splitter's seconds for all texts, one number a round."""
    seconds: dict[str, list[float]] = {name: [] for name in splitters}
    for _ in range(ROUNDS):
        for name, split in splitters.items():
            begun = time.perf_counter()
            for text in texts:
                split(text)
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def judge_cuts(texts: Sequence[str], ends: Sequence[Sequence[int]]) -> tuple[int, int, int]:
    """Count the cuts inside documents: good ones, bad ones, and those inside a sentence longer than a chunk may be."""
    punkt = PunktSentenceTokenizer()
    good = bad = overlong = 0
    for text, document_ends in zip(texts, ends, strict=True):
        spans = list(punkt.span_tokenize(text))
        starts = [start for start, _ in spans]
        for chunk_start, cut in zip([0, *document_ends], document_ends[:-1], strict=False):
            chunk = text[chunk_start:cut]
            space = chunk[len(chunk.rstrip()) :]
            if "\n" in space or "\r" in space or STOP_BEFORE.search(chunk) or cut in starts:
                good += 1
                continue
            start, end = spans[bisect_right(starts, cut) - 1]
            if len(WORD.findall(text, start, end)) > CHUNK_WORDS:
                overlong += 1
            else:
                bad += 1
    return good, bad, overlong


if __name__ == "__main__":
    main()
