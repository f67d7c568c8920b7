"""Shards done by several processes at once, their results in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from reflectgen.errors import OutputError

Job = TypeVar("Job")
Result = TypeVar("Result")

Begin = Callable[[], AbstractContextManager[Callable[[Job], Result]]]


def usable_cpus() -> int:
    """Return how many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each_shard(begin: Begin[Job, Result], jobs: Sequence[Job], processes: int) -> Generator[Result, None, None]:
    """Yield the result of every job, in order. Each process calls `begin` once and what it yields for every job.

    Both must be picklable, and so must what the jobs raise. What `begin` opens is closed in this process; another one
    ends with it.

    Raises:
        OutputError: a process was killed.
    """
    if not jobs:
        return
    if min(processes, len(jobs)) <= 1:
        with begin() as work:
            yield from map(work, jobs)
        return
    # Not forked: a tokenizer's threads do not survive that.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(processes, len(jobs)), context, _begin, (begin,))
    try:
        yield from pool.map(_do, jobs)
    except BrokenProcessPool as error:
        advice = "if memory ran out, run again with fewer --processes; finished shards are kept"
        raise OutputError(f"a process that wrote the export was killed; {advice}") from error
    finally:
        pool.shutdown(cancel_futures=True)


_begun: AbstractContextManager[Callable[[Any], Any]]
_work: Callable[[Any], Any]


def _begin(begin: Begin[Any, Any]) -> None:
    global _begun, _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Processes share the work among the cores already.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _begun = begin()
    _work = _begun.__enter__()


def _do(job: Any) -> Any:
    return _work(job)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # a killed parent leaves the queue open, and this process would wait for ever
