"""Commands as processes of their own, measured by the operating system."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REFLECTGEN = [sys.executable, "-c", "import sys; from reflectgen.cli import main; sys.exit(main())"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: seconds on the clock, seconds of CPU in all its threads, peak memory in MB."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


class Unfinished(Exception):
    """A command that failed, or did not end in time."""


def run_measured(
    command: Sequence[str], environ: Mapping[str, str] | None = None, seconds: float = 600
) -> tuple[Cost, str]:
    """Run `command` and return its cost and what it printed.

    Raises:
        Unfinished: it failed, or had not ended after `seconds`.
    """
    began = time.perf_counter()
    environ = os.environ | {"OMP_NUM_THREADS": "1"} | dict(environ or {})
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True, start_new_session=True)
    # The whole group: a child that is left would hold the pipe open, and be read from for ever.
    too_long = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
    too_long.start()
    assert process.stdout is not None
    printed = process.stdout.read()
    # wait4 tells what the process itself used, with its children that it waited for.
    _, status, usage = os.wait4(process.pid, 0)
    too_long.cancel()
    wall_seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Unfinished(f"{' '.join(command)[:200]} ended with {process.returncode}")
    return Cost(wall_seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), printed


def own_peak_mb() -> float:
    """Return the peak memory of this process, in MB.

    On Linux not `ru_maxrss`, which begins with the peak of whoever started the process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def python_loop_ns() -> float:
    """Return the nanoseconds of one turn of an empty loop: how fast a shared machine was while it was measured."""
    num_turns = 20_000_000
    began = time.perf_counter()
    for _ in range(num_turns):
        pass
    return (time.perf_counter() - began) / num_turns * 1e9
