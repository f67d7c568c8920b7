"""MedSafetyWorld's data of one arm and its control: seconds, CPU and peak memory from the world to token shards.

    python -m benchmarks.medsafetyworld

The command line makes the preset `demo` for `held-in` and `srp-held-in`, in a process of its own: documents, a job with
the guard that knows the truth, two exports, token shards, and the dialogues of every stage.
"""

from __future__ import annotations

import argparse
import json
import tempfile

from benchmarks.processes import REFLECTGEN, python_loop_ns, run_measured
from benchmarks.report import Bar, report

ARMS = "held-in,srp-held-in"


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s"
    ).parse_args()
    before = python_loop_ns()
    with tempfile.TemporaryDirectory(prefix="reflectgen-bench-") as folder:
        command = [*REFLECTGEN, "medsafetyworld", "make", "--preset", "demo", "--arms", ARMS]
        cost, printed = run_measured([*command, "--out", f"{folder}/world", "--json"])
    arms = {one["arm"]: one for one in json.loads(printed)["arms"]}
    num_tokens = sum(one["num_tokens"] for one in arms.values())
    figures = {
        "python_loop_ns_before": before,
        "python_loop_ns_after": python_loop_ns(),
        "wall_seconds": cost.wall_seconds,
        "cpu_seconds": cost.cpu_seconds,
        "peak_mb": cost.peak_mb,
        "num_tokens": num_tokens,
        "tokens_per_cpu_second": num_tokens / cost.cpu_seconds,
    }
    report("medsafetyworld", figures, [Bar("seconds of CPU for an arm and its control", cost.cpu_seconds, "<=", 60)])


if __name__ == "__main__":
    main()
