"""The guard in a second process: the same labels, and no other when that process is dead or cannot be had."""

import asyncio
import os
import signal
import sys
import time

import pytest

from reflectgen.jobs.aside import AsideGuard, aside
from reflectgen.records import Chunk
from reflectgen.reflection.builtin_guard import BuiltinGuard
from tests.jobs.worlds import FixedGuard

TEXTS = ["The ferry left at seven.", "I will find you and hurt you.", "", "Zucker & Salz \ud800"]
CHUNKS = [Chunk("d", number, 0, len(text), text) for number, text in enumerate(TEXTS)]


@pytest.fixture
def guard():
    moved = AsideGuard(BuiltinGuard(), begin_after_texts=0)
    yield moved
    moved.end()


def until_ready(guard):
    asyncio.run(guard.label(CHUNKS[:1]))  # which starts it
    give_up = time.monotonic() + 60
    while not guard.is_aside:
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_labels_made_aside_are_those_made_here(guard):
    until_ready(guard)
    assert asyncio.run(guard.label(CHUNKS)) == asyncio.run(BuiltinGuard().label(CHUNKS))
    assert guard.is_aside


def test_a_second_process_that_dies_is_done_without(guard):
    until_ready(guard)
    os.kill(guard._process.pid, signal.SIGKILL)
    guard._process.wait()
    assert asyncio.run(guard.label(CHUNKS)) == asyncio.run(BuiltinGuard().label(CHUNKS))
    assert not guard.is_aside


def test_where_no_process_can_be_started_the_labels_are_made_here(guard, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert asyncio.run(guard.label(CHUNKS)) == asyncio.run(BuiltinGuard().label(CHUNKS))
    assert guard._process is None


def test_a_short_job_starts_no_process():
    with aside(BuiltinGuard(), is_wanted=True) as moved:
        asyncio.run(moved.label(CHUNKS))
        assert moved._process is None


def test_the_process_ends_with_the_block():
    with aside(BuiltinGuard(), is_wanted=True) as moved:
        moved._num_texts_before = 0
        until_ready(moved)
        process = moved._process
    assert process.poll() is not None
    assert not moved.is_aside


def test_it_does_not_outlive_who_started_it(guard):
    until_ready(guard)
    guard._process.stdin.close()  # as the kernel does for a killed run
    assert guard._process.wait(timeout=60) == 0


@pytest.mark.parametrize("is_wanted", [True, False])
def test_another_guard_stays_where_it_is(is_wanted):
    other = FixedGuard()
    with aside(other, is_wanted=is_wanted) as moved:
        assert moved is other
