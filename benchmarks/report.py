"""How every benchmark here ends: a table for people, one JSON object as the last line, and the same object as a file.

report("chunking", {"mb_per_second": 14.2}, [Bar("English prose, MB/s on one core", 14.2, ">=", 10)])
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"

Figure = float | int | str | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise about one measured `figure`: it is at least (>=) or at most (<=) `bar`."""

    what: str
    figure: float
    op: Literal[">=", "<="]
    bar: float

    @property
    def holds(self) -> bool:
        return self.figure >= self.bar if self.op == ">=" else self.figure <= self.bar


def report(name: str, figures: Mapping[str, Figure], bars: Sequence[Bar]) -> bool:
    """Print figures and bars, keep them as results/`name`.json, and say whether every bar holds."""
    width = max(map(len, figures), default=0)
    for figure, value in figures.items():
        print(f"{figure:<{width}}  {_shown(value)}")
    for bar in bars:
        print(f"{'holds' if bar.holds else 'FAILS'}  {bar.what}: {_shown(bar.figure)} {bar.op} {_shown(bar.bar)}")
    measured = {
        "benchmark": name,
        "machine": machine(),
        "commit": commit(),
        "figures": dict(figures),
        "bars": [asdict(bar) | {"holds": bar.holds} for bar in bars],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(measured))
    return all(bar.holds for bar in bars)


def machine() -> str:
    """Return the processor's model and the number of cores, such as `AMD EPYC 7B13, 2 cores`."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def commit() -> str:
    """Return the short hash of the commit measured, with `+` where files differ from it; empty outside a checkout."""
    try:
        short_hash = _git("rev-parse", "--short", "HEAD")
        # The results themselves are rewritten by every benchmark.
        changed = _git("status", "--porcelain", "--", ".", ":!benchmarks/results")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return short_hash + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _shown(value: Figure) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
