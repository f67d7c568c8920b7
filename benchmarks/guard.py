"""How good the built-in guard is on what it has not seen, and how fast it is on one core.

    python -m benchmarks.guard [--data ../shared/data]

Quality is that of five models, each fitted on four fifths of the groups and scored on the last; every threshold is
chosen on the other folds. docs/guard.md has the same figures in more detail. Speed is that of the model that ships.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.report import REPOSITORY, Bar, Figure, report
from reflectgen.reflection.builtin_guard import MODEL_FILE, BuiltinGuard
from scripts.guard.data import read_data, read_word_classes
from scripts.guard.examples import Examples, make_examples
from scripts.guard.figures import Measured, measure
from scripts.guard.folds import count_examples, fit_on, held_out_scores, held_out_signals

ROUNDS = 3
CHUNK_CODE_POINTS = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data", help="the labelled folder")
    labeled, contrast, prose = read_data(parser.parse_args().data)
    speed, code_points = clock([chunk.text for chunk in prose])
    examples = make_examples(labeled, contrast, prose)
    measured = held_out(examples)
    per_second = speed * code_points / CHUNK_CODE_POINTS
    figures: dict[str, Figure] = {
        "model file, MB": MODEL_FILE.stat().st_size / 1e6,
        "chunks a second on one core, as they are": speed,
        "mean code points of a chunk": code_points,
        f"chunks of {CHUNK_CODE_POINTS} code points a second": per_second,
        "labelled rows that no model wrote": measured.no_model.rows,
        "precision on them": measured.no_model.precision,
        "recall on them": measured.no_model.recall,
        "accuracy on those that may train": measured.may_train.accuracy,
        "unsafe F1 on those that may train": measured.may_train.f1,
        "prose chunks scored": len(examples.prose),
        "look-alike pairs": measured.num_pairs,
    }
    bars = [
        Bar("accuracy on labelled rows that no model wrote", measured.no_model.accuracy, ">=", 0.80),
        Bar("unsafe F1 on the same rows", measured.no_model.f1, ">=", 0.75),
        Bar("recall of unsafe rows set inside a chunk of prose", measured.recall_in_prose, ">=", 0.45),
        Bar("look-alike pairs with the unsafe side above the safe", measured.pairs_in_order, ">=", 0.70),
        Bar("part of the prose chunks flagged", measured.prose_share, "<=", 0.01),
        Bar(f"chunks of {CHUNK_CODE_POINTS} code points a second on one core", per_second, ">=", 3000),
        Bar("model file, MB", MODEL_FILE.stat().st_size / 1e6, "<=", 5),
    ]
    report("guard", figures, bars)


def clock(texts: list[str]) -> tuple[float, float]:
    """Return texts labelled in a second of CPU time, the best of a few rounds, and the texts' mean length."""
    guard = BuiltinGuard()
    seconds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        guard.label_texts(texts)
        seconds.append(time.process_time() - started)
    return len(texts) / min(seconds), sum(map(len, texts)) / len(texts)


def held_out(examples: Examples) -> Measured:
    classes = read_word_classes()
    counted = count_examples(examples, classes)
    found = held_out_signals(examples, counted, classes)
    return measure(examples, held_out_scores(examples, found, fit_on(counted, counted.fold >= 0, classes)))


if __name__ == "__main__":
    main()
