"""`make bench` runs every benchmark as a module; measuring takes minutes, but each must at least begin."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
HELPERS = {"__init__", "report", "processes", "prose", "stub", "closing_stub", "outage_stub"}
BENCHMARKS = sorted(path.stem for path in (REPOSITORY / "benchmarks").glob("*.py") if path.stem not in HELPERS)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_starts_as_the_makefile_starts_it(name):
    command = [sys.executable, "-m", f"benchmarks.{name}", "--help"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_the_makefile_leaves_out_only_the_benchmarks_helpers():
    (line,) = [line for line in (REPOSITORY / "Makefile").read_text().splitlines() if "benchmarks/*.py" in line]
    assert set(re.findall(r"%/(\w+)\.py", line)) == HELPERS
