"""The doorbell: who may do a task is told that it is there. A lost ring costs seconds, SQL knows all that is due."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from reflectgen.store.tasks import Doorbell

TRAIN = "train"  # the queue of those workers alone that have the extra `train`
QUEUE_OF = {
    "plan": "plan",
    "reflect": "reflect",
    "review": "reflect",
    "export": "export",
    "archive": "export",
    "train": TRAIN,
}


class Queue(Protocol):
    """What rings. It never raises where nobody hears it: the reconciler rings again."""

    def ring(self, bells: Sequence[Doorbell]) -> None:
        """Tell workers of tasks that were committed."""
        ...

    def depth(self, kind: str) -> int:
        """Return how many rings for a kind of task nobody has answered yet."""
        ...


class InlineQueue:
    """The queue of one process: a thread in it does the tasks, one after the other."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Doorbell | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._is_over = False

    def ring(self, bells: Sequence[Doorbell]) -> None:
        for bell in bells:
            self._waiting.put(bell)

    def depth(self, kind: str) -> int:
        return self._waiting.qsize()

    def work(self, do: Callable[[Doorbell], None], when_idle: Callable[[], None], idle_seconds: float = 2.0) -> None:
        """Begin to do tasks in a thread; `when_idle` is called whenever none came for `idle_seconds`."""

        def serve() -> None:
            while True:
                try:
                    bell = self._waiting.get(timeout=idle_seconds)
                except queue.Empty:
                    when_idle()
                    continue
                if self._is_over or bell is None:
                    return
                do(bell)

        self._thread = threading.Thread(target=serve, name="inline-queue", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the task that it is at."""
        self._is_over = True
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()


class Lanes:
    """Two queues of one process: a training, which takes hours, holds up other trainings and nothing else."""

    def __init__(self, training: InlineQueue, rest: InlineQueue) -> None:
        self._training, self._rest = training, rest

    def ring(self, bells: Sequence[Doorbell]) -> None:
        for bell in bells:
            self._of(bell.kind).ring([bell])

    def depth(self, kind: str) -> int:
        return self._of(kind).depth(kind)

    def _of(self, kind: str) -> InlineQueue:
        return self._training if QUEUE_OF[kind] == TRAIN else self._rest
