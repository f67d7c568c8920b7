"""A part is started again when it dies, waits longer each time, and takes its children with it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from reflectgen.local.process import Part, Process

FOREVER = (sys.executable, "-c", "import time; time.sleep(600)")
WITH_CHILD = (sys.executable, "-c", "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); time.sleep(600)")
STUBBORN = (sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")


@pytest.fixture
def run(tmp_path):
    processes, (_, keep_open) = [], os.pipe()

    def run(command):
        part = Part("part", command, lambda _: True, {"PATH": os.environ["PATH"]}, stop_seconds=0.5)
        processes.append(Process(part, tmp_path / "log", keep_open))
        processes[-1].start()
        return processes[-1]

    yield run
    for process in processes:
        process.stop(0.0)


def until(condition):
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_one_that_dies_is_started_again(run):
    process = run(FOREVER)
    first = process.process_id
    os.kill(first, signal.SIGKILL)
    until(lambda: not process.is_running())
    assert "part ended with -9; it is started again in 0.5 s" in process.keep_up()
    until(lambda: process.keep_up() == "" and process.is_running())
    assert process.process_id != first


def test_one_that_keeps_dying_waits_longer_each_time(run):
    process = run(("false",))
    waits = []
    for _ in range(3):
        until(lambda: not process.is_running())
        waits.append(process.keep_up())
        process.start()
    assert [said.split(" in ")[1].split(" s")[0] for said in waits] == ["0.5", "1", "2"]


def test_it_takes_its_children_with_it(run):
    process = run(WITH_CHILD)
    group = process.process_id
    until(lambda: len(subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True).stdout.split()) == 2)
    process.ask_to_stop()
    process.stop(time.monotonic() + 5)
    until(lambda: subprocess.run(["pgrep", "-g", str(group)], capture_output=True).returncode == 1)


def test_one_that_does_not_end_when_asked_is_ended(run):
    process = run(STUBBORN)
    time.sleep(0.5)
    process.ask_to_stop()
    process.stop(time.monotonic() + 0.5)
    assert not process.is_running()
