"""Shards at once by several processes: as many as told, results in order, and no process outlives what it works for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from reflectgen.errors import OutputError, VerificationError
from reflectgen.export.shard_processes import each_shard
from tests.export.shard_jobs import begin_dying, begin_refusing, begin_waiting


@pytest.mark.timeout(60)
def test_as_many_shards_are_made_at_once_as_there_are_processes_and_come_out_in_order(tmp_path: Path) -> None:
    found = list(each_shard(partial(begin_waiting, tmp_path, 3), range(7), 3))
    assert [number for number, _ in found] == list(range(7))
    assert len({process for _, process in found} - {os.getpid()}) == 3


@pytest.mark.parametrize(("num_jobs", "processes"), [(1, 8), (3, 1), (0, 2)])
def test_what_one_process_can_do_is_done_in_this_one(tmp_path: Path, num_jobs: int, processes: int) -> None:
    found = list(each_shard(partial(begin_waiting, tmp_path, 1), range(num_jobs), processes))
    assert found == [(number, os.getpid()) for number in range(num_jobs)]


def test_a_killed_process_is_said_in_one_line() -> None:
    with pytest.raises(OutputError, match="was killed"):
        list(each_shard(begin_dying, [0, 1, 2], 2))


def test_what_a_shard_raises_is_raised_here() -> None:
    with pytest.raises(VerificationError, match="shard 1 is not what it was"):
        list(each_shard(begin_refusing, [0, 1, 2], 2))


PARENT = """
import sys
from functools import partial
from pathlib import Path
from reflectgen.export.shard_processes import each_shard
from tests.export.shard_jobs import begin_waiting

list(each_shard(partial(begin_waiting, Path(sys.argv[1]), 99), range(2), 2))
"""


@pytest.mark.timeout(60)
def test_no_process_stays_behind_when_the_one_that_began_it_is_killed(tmp_path: Path) -> None:
    environ = os.environ | {"PYTHONPATH": str(Path.cwd())}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], env=environ, start_new_session=True)
    try:
        while len(list(tmp_path.iterdir())) < 2:
            assert parent.poll() is None
            time.sleep(0.01)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        with pytest.raises(ProcessLookupError):  # the group is there as long as one of its processes is
            while True:
                os.killpg(parent.pid, 0)
                time.sleep(0.01)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
