"""Rebuild the built-in guard's model file from a labelled folder: same machine and versions, same bits.

    python scripts/train_guard.py --data ../shared/data [--out FILE] [--report FILE]

Prints what the training rule admitted, then the held-out figures (docs/guard.md explains them), then the file's hash.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from reflectgen.reflection.builtin_guard import MODEL_FILE  # noqa: E402
from scripts.guard.data import read_data, read_word_classes  # noqa: E402
from scripts.guard.examples import make_examples  # noqa: E402
from scripts.guard.figures import choose_thresholds  # noqa: E402
from scripts.guard.fit import fit_categories  # noqa: E402
from scripts.guard.folds import (  # noqa: E402
    count_examples,
    fit_on,
    fit_signal_weights,
    held_out_categories,
    held_out_scores,
    held_out_signals,
)
from scripts.guard.report import write_report  # noqa: E402
from scripts.guard.rows import print_admitted  # noqa: E402


def main() -> None:
    arguments = _arguments()
    labeled, contrast, prose = read_data(arguments.data)
    for name, rows in (("labelled rows", labeled), ("look-alikes", contrast), ("chunks of prose", prose)):
        print_admitted(name, rows)

    examples, classes = make_examples(labeled, contrast, prose), read_word_classes()
    counted = count_examples(examples, classes)
    found = held_out_signals(examples, counted, classes)
    model = fit_on(counted, counted.fold >= 0, classes)
    scores = held_out_scores(examples, found, model)
    guessed = held_out_categories(examples, model)
    write_report(examples, scores, guessed, arguments.report)

    controversial, unsafe = choose_thresholds(examples, scores)
    hazards = [row for row in examples.training_rows if row.unsafe]
    model = fit_categories(model, [row.text for row in hazards], [row.category for row in hazards])
    model = replace(
        model, signal_weights=fit_signal_weights(examples, found), controversial=controversial, unsafe=unsafe
    )
    content = model.to_bytes()
    partial = arguments.out.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(arguments.out)
    digest = hashlib.sha256(content).hexdigest()
    print(
        f"{arguments.out.name}: {len(content) / 1e6:.2f} MB, unsafe from {unsafe}, controversial from {controversial}"
    )
    print(f"sha256 {digest}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Rebuild the built-in guard's model file from a labelled folder.")
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data", help="the labelled folder")
    parser.add_argument("--out", type=Path, default=MODEL_FILE, help="the model file")
    parser.add_argument("--report", type=Path, help="also write the held-out figures to this file, as Markdown")
    return parser.parse_args()


if __name__ == "__main__":
    main()
