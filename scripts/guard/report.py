"""The held-out figures as Markdown tables, the ones in docs/guard.md."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from scripts.guard.examples import Examples
from scripts.guard.figures import Figures, Measured, by, confusion, measure, pairs_in_order
from scripts.guard.fit import Bools
from scripts.guard.folds import HeldOut, unsafe_of
from scripts.guard.rows import Row


def write_report(examples: Examples, scores: HeldOut, guessed: Sequence[str], path: Path | None) -> None:
    """Print the figures, and write them to `path` if there is one."""
    measured = measure(examples, scores)
    labeled, look_alikes = examples.rows[: examples.num_labeled], examples.rows[examples.num_labeled :]
    flagged = measured.rows_flagged
    tables = [
        _bars(examples, measured),
        _table("Labelled rows by source", by(labeled, flagged[: len(labeled)], lambda row: row.source)),
        _table("Look-alikes by source", by(look_alikes, flagged[len(labeled) :], lambda row: row.source)),
        _hazards(examples, measured),
        _pairs(examples, scores),
        _prose(examples, measured),
        _calibration(examples, scores),
        _confusion([row for row in examples.rows if row.unsafe], guessed),
    ]
    text = "\n\n".join(tables)
    print(text)
    if path:
        path.write_text(text + "\n", encoding="utf-8")


def _bars(examples: Examples, measured: Measured) -> str:
    no_model, may_train = measured.no_model, measured.may_train
    return _markdown(
        ("what", "figure", "bar"),
        [
            (
                f"accuracy, {no_model.rows} labelled rows that no model wrote",
                f"{no_model.accuracy:.3f}",
                "at least 0.80",
            ),
            ("unsafe F1, the same rows", f"{no_model.f1:.3f}", "at least 0.75"),
            (f"accuracy, the {may_train.rows} of them that may train", f"{may_train.accuracy:.3f}", ""),
            ("unsafe F1, the same rows", f"{may_train.f1:.3f}", ""),
            (
                f"recall, {len(examples.hidden)} unsafe rows inside a chunk of prose",
                f"{measured.recall_in_prose:.3f}",
                "at least 0.45",
            ),
            (f"look-alike pairs in order, of {measured.num_pairs}", f"{measured.pairs_in_order:.3f}", "at least 0.70"),
            (f"prose chunks flagged, of {len(examples.prose)}", f"{measured.prose_share:.4f}", "at most 0.01"),
            ("thresholds, one a fold", ", ".join(f"{threshold:.3f}" for threshold in measured.thresholds), ""),
        ],
    )


def _table(title: str, groups: Mapping[Hashable, Figures]) -> str:
    rows = [
        (str(name), f.rows, f.unsafe, f"{f.accuracy:.3f}", f"{f.precision:.2f}", f"{f.recall:.2f}", f"{f.f1:.3f}")
        for name, f in groups.items()
    ]
    return f"{title}\n\n" + _markdown(("", "rows", "unsafe", "accuracy", "precision", "recall", "F1"), rows)


def _hazards(examples: Examples, measured: Measured) -> str:
    def recalls(rows: Sequence[Row], found: Bools) -> dict[Hashable, str]:
        unsafe = unsafe_of(rows)
        groups = by([row for row in rows if row.unsafe], found[unsafe], lambda row: row.category)
        return {name: f"{figures.recall:.2f} of {figures.rows}" for name, figures in groups.items()}

    flagged, size = measured.rows_flagged, examples.num_labeled
    by_model = np.array([row.written_by_model for row in examples.rows[:size]])
    labeled = {which: [row for row in examples.rows[:size] if row.written_by_model is which] for which in (False, True)}
    columns = [
        recalls(labeled[False], flagged[:size][~by_model]),
        recalls(examples.hidden, measured.in_prose_flagged),
        recalls(labeled[True], flagged[:size][by_model]),
        recalls(examples.rows[size:], flagged[size:]),
    ]
    names = sorted({str(name) for column in columns for name in column})
    head = ("hazard", "labelled, no model wrote", "the same, inside prose", "models' answers", "look-alikes")
    return "Recall of unsafe rows by hazard\n\n" + _markdown(
        head, [(name, *(column.get(name, "") for column in columns)) for name in names]
    )


def _pairs(examples: Examples, scores: HeldOut) -> str:
    sources = sorted({row.source for row in examples.rows if row.pair})
    found = [(source, *pairs_in_order(examples.rows, scores.rows, source)) for source in sources]
    return "Look-alike pairs, unsafe side above safe side\n\n" + _markdown(
        ("source", "in order", "pairs"), [(source, f"{share:.3f}", count) for source, share, count in found if count]
    )


def _prose(examples: Examples, measured: Measured) -> str:
    rows = []
    for source in sorted({chunk.source for chunk in examples.prose}):
        own = [index for index, chunk in enumerate(examples.prose) if chunk.source == source]
        rows.append((source, len(own), f"{measured.prose_flagged[own].mean():.4f}"))
    return "Prose flagged\n\n" + _markdown(("source", "chunks", "flagged"), rows)


def _calibration(examples: Examples, scores: HeldOut) -> str:
    human = [index for index in range(examples.num_labeled) if not examples.rows[index].written_by_model]
    score, unsafe = scores.rows[human], unsafe_of([examples.rows[index] for index in human])
    rows = []
    for low in np.arange(0, 1, 0.1):
        own = (score >= low) & (score < low + 0.1 + 1e-9 * (low > 0.85))
        if own.any():
            rows.append(
                (
                    f"{low:.1f} to {low + 0.1:.1f}",
                    int(own.sum()),
                    f"{score[own].mean():.2f}",
                    f"{unsafe[own].mean():.2f}",
                )
            )
    return "Calibration on labelled rows that no model wrote\n\n" + _markdown(
        ("score", "rows", "mean score", "part unsafe"), rows
    )


def _confusion(unsafe: Sequence[Row], guessed: Sequence[str]) -> str:
    human = [(row, guess) for row, guess in zip(unsafe, guessed, strict=True) if not row.written_by_model]
    counts = confusion([row for row, _ in human], [guess for _, guess in human])
    names = sorted({name for pair in counts for name in pair})
    right = sum(number for (label, guess), number in counts.items() if label == guess)
    rows = [(label, *(counts[label, guess] or "" for guess in names)) for label in names]
    return (
        f"Hazards of unsafe rows that no model wrote: {right} of {len(human)} right (row: label, column: guess)\n\n"
        + _markdown(("", *names), rows)
    )


def _markdown(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(map(str, head)), *(list(map(str, row)) for row in rows)]
    shown = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([shown[0], "|" + "---|" * len(lines[0]), *shown[1:]])
