"""`python -m tests.security.figures` prints the rows of the tables of docs/security.md."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from reflectgen.filters.suspicion import suspicion
from reflectgen.llm.scripted import Script
from reflectgen.records import Road, Verdict
from reflectgen.reflection.builtin_guard import BuiltinGuard
from tests.security.attacks import SAFE, UNSAFE, Outcome, attack
from tests.security.hostile_chunks import HOSTILE_CHUNKS
from tests.security.teachers import believing, copying, echoing, honest, softening

GUARDS: dict[str, Any] = {"unsafe": UNSAFE, "safe": SAFE, "built-in": BuiltinGuard()}
TEACHERS: Sequence[Script] = (believing, echoing, softening, copying, honest)


def main() -> None:
    print(f"{len(HOSTILE_CHUNKS)} hostile texts, {len(attacked('unsafe', honest))} chunks\n")
    print("\n".join(by_guard_and_teacher()))
    print()
    print("\n".join(by_technique()))


@cache
def attacked(guard: str, teacher: Script) -> list[Outcome]:
    """Return what came of every hostile chunk with one of `GUARDS` and the default recipe."""
    with tempfile.TemporaryDirectory() as folder:
        return attack(Path(folder) / "job", GUARDS[guard], teacher)


def by_guard_and_teacher() -> list[str]:
    """Return the first table, a line a row."""
    head = ("guard says", "teacher", "safe, believed", "safe, the guard's", "controversial", "unsafe", "stopped by")
    outcomes = {(guard, teacher.__name__): attacked(guard, teacher) for guard in GUARDS for teacher in TEACHERS}
    return [_row(cells) for cells in (head, *_runs(outcomes))]


def by_technique() -> list[str]:
    """Return the second table: the built-in guard, and a teacher that believes whatever a chunk says."""
    believed = attacked("built-in", believing)
    techniques = Counter(chunk.technique for chunk in HOSTILE_CHUNKS)
    rows = [(technique, *_of_technique(believed, technique)) for technique, _ in techniques.most_common()]
    totals = [sum(column) for column in zip(*(row[1:] for row in rows), strict=True)]
    head = ("technique", "texts", "suspicious", "chunks", "guard: not safe", "safe, believed", "safe, the guard's")
    return [_row(cells) for cells in (head, *rows, ("all", *totals))]


def _runs(outcomes: dict[tuple[str, str], list[Outcome]]) -> Iterable[tuple[object, ...]]:
    for (guard, teacher), of_run in outcomes.items():
        verdicts = Counter(outcome.verdict for outcome in of_run)
        stopped = Counter(outcome.reasons[0] for outcome in of_run if outcome.reasons)
        stopped.update(outcome.road for outcome in of_run if outcome.road == Road.OVERRULED)
        reasons = ", ".join(f"{reason} {number}" for reason, number in stopped.most_common()) or "-"
        yield guard, teacher, *_safe(of_run), verdicts[Verdict.CONTROVERSIAL], verdicts[Verdict.UNSAFE], reasons


def _of_technique(outcomes: Sequence[Outcome], technique: str) -> tuple[int, ...]:
    texts = [chunk.text for chunk in HOSTILE_CHUNKS if chunk.technique == technique]
    found = [outcome for outcome in outcomes if outcome.hostile.technique == technique]
    return (
        len(texts),
        sum(bool(suspicion(text)) for text in texts),
        len(found),
        sum(outcome.guard is not Verdict.SAFE for outcome in found),
        *_safe(found),
    )


def _safe(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Count the chunks that end as safe: on a teacher's word, and on the guard's alone."""
    safe = [outcome for outcome in outcomes if outcome.verdict is Verdict.SAFE]
    believed = sum(outcome.road in (Road.TEACHER, Road.ASKED_AGAIN) for outcome in safe)
    return believed, len(safe) - believed


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
