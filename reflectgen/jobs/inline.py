"""The queue that a process rings: Celery's where there is a Redis, else its own, whose threads do the work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reflectgen.errors import ReflectgenError
from reflectgen.jobs.broker import celery_app
from reflectgen.jobs.celery_queue import CeleryQueue
from reflectgen.jobs.queue import InlineQueue, Lanes, Queue
from reflectgen.jobs.reconcile import reconcile
from reflectgen.jobs.registry import read_registry
from reflectgen.jobs.worker import Worker
from reflectgen.settings import ServiceSettings
from reflectgen.store import Store
from reflectgen.store.tasks import Doorbell

log = logging.getLogger(__name__)


@contextmanager
def queue_of(settings: ServiceSettings, store: Store) -> Iterator[Queue]:
    """Yield the queue that the settings ask for; work of this process ends, given back, with the block."""
    if settings.redis_url:
        yield CeleryQueue(celery_app(settings))
        return
    lanes, going = (InlineQueue(), InlineQueue()), threading.Event()
    queue = Lanes(*lanes)
    workers = [_worker(settings, store, queue, going.is_set) for _ in lanes]

    def look() -> None:
        try:
            reconcile(store, queue)
        except ReflectgenError as error:
            log.warning("not reconciled: %s", error)

    look()
    lanes[0].work(_doing(workers[0]), lambda: None)
    lanes[1].work(_doing(workers[1]), look)
    try:
        yield queue
    finally:
        going.set()
        for lane, worker in zip(lanes, workers, strict=True):
            lane.stop()
            worker.close()


def _worker(settings: ServiceSettings, store: Store, queue: Queue, is_to_go: Callable[[], bool]) -> Worker:
    return Worker(
        store,
        queue,
        lambda: read_registry(settings.registry),
        settings.data,
        lease_seconds=settings.lease_seconds,
        is_to_go=is_to_go,
    )


def _doing(worker: Worker) -> Callable[[Doorbell], None]:
    def do(bell: Doorbell) -> None:
        try:
            worker.do(bell.task_id)
        except ReflectgenError as error:  # the store is away: what was rung for is found again
            log.warning("task %s: %s", bell.task_id, error)

    return do
