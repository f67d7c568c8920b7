"""Ringing through Celery and Redis, by the name of the task: nothing here imports the workers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reflectgen.jobs.broker import TASK_NAMES
from reflectgen.jobs.queue import QUEUE_OF
from reflectgen.store.tasks import Doorbell

if TYPE_CHECKING:
    from celery import Celery

log = logging.getLogger(__name__)


class CeleryQueue:
    """A message is a task's id. What cannot be sent now is left to the reconciler."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def ring(self, bells: Sequence[Doorbell]) -> None:
        for bell in bells:
            try:
                self._app.send_task(TASK_NAMES[bell.kind], args=[bell.task_id], retry=False)
            except Exception as error:  # each layer below raises errors of its own
                log.warning("no ring for task %s, the reconciler will: %s", bell.task_id, type(error).__name__)
                return

    def depth(self, kind: str) -> int:
        """Return the length of the kind's queue; 0 where it is not there or the broker cannot be asked."""
        try:
            with self._app.connection_for_read() as connection:
                return int(connection.default_channel.queue_declare(QUEUE_OF[kind], passive=True).message_count)
        except Exception as error:
            log.debug("the queue %s cannot be asked: %s", QUEUE_OF[kind], type(error).__name__)
            return 0
