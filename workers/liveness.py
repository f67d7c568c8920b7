"""Files that workers and the reconciler touch while they make progress, for `python -m workers.health` to look at.

The process alone proves little: a consumer that waits for a dead connection is there, and does nothing.
"""

from __future__ import annotations

from typing import Any

from celery import Celery, bootsteps
from celery.signals import task_postrun

from reflectgen.jobs.broker import RECONCILE
from workers.health import touch

TOUCH_SECONDS = 5.0


class Liveness(bootsteps.StartStopStep):  # type: ignore[misc]
    """Touches the worker's file from the timer of the loop that fetches messages: where that hangs, it grows old."""

    requires = frozenset({"celery.worker.consumer.tasks:Tasks"})

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._timer: Any = None

    def start(self, parent: Any) -> None:
        touch("worker")
        self._timer = parent.timer.call_repeatedly(TOUCH_SECONDS, touch, ("worker",))

    def stop(self, parent: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def watch(app: Celery) -> None:
    """Have the workers of `app` say that they are alive, and whoever reconciles that it did."""
    app.steps["consumer"].add(Liveness)
    task_postrun.connect(_reconciled, weak=False)


def _reconciled(task: Any = None, **_kw: Any) -> None:
    if task is not None and task.name == RECONCILE:
        touch("beat")
