"""MedSafetyWorld's preset `demo`, from nothing to its report: all main arms of one seed, an arm a core; minutes.

    python -m benchmarks.medsafetyworld_demo

Then one arm anew in another folder, which must come to the same figures.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.processes import REFLECTGEN, python_loop_ns, run_measured
from benchmarks.report import Bar, report

AGAIN = "srp-held-in"
SECONDS = 3_600  # after which a run is given up


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s"
    ).parse_args()
    before = python_loop_ns()
    run = [*REFLECTGEN, "medsafetyworld", "run", "--preset", "demo", "--seeds", "1", "--json"]
    with tempfile.TemporaryDirectory(prefix="reflectgen-bench-") as folder:
        cost, printed = run_measured([*run, "--arms", "main", "--out", f"{folder}/first"], seconds=SECONDS)
        again, _ = run_measured([*run, "--arms", AGAIN, "--out", f"{folder}/second"], seconds=SECONDS)
        names = json.loads(printed)["results"]
        results = {name: _read(Path(folder, "first"), name) for name in names}
        (repeated,) = [name for name in names if results[name]["arm"] == AGAIN]
        second = _read(Path(folder, "second"), repeated)
    differing = sum(second[part] != results[repeated][part] for part in ("stages", "outcomes"))
    figures = {
        "python_loop_ns_before": before,
        "python_loop_ns_after": python_loop_ns(),
        "num_arms": len(names),
        "wall_minutes": cost.wall_seconds / 60,
        "cpu_minutes": cost.cpu_seconds / 60,
        "seconds_an_arm": sum(one["about"]["seconds"] for one in results.values()) / len(results),
        "again_cpu_minutes": again.cpu_seconds / 60,
    } | {f"{one['arm']}_general_accuracy": one["stages"]["sft"]["general_accuracy"] for one in results.values()}
    bars = [
        Bar("minutes for all main arms of one seed", cost.wall_seconds / 60, "<=", 20),
        Bar(f"parts of {AGAIN}'s result that differ when it is trained again", differing, "<=", 0),
    ]
    report("medsafetyworld_demo", figures, bars)


def _read(out: Path, name: str) -> dict:
    return json.loads((out / "results" / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
