"""What a worker process keeps between tasks: store, queue, worker. All are opened on first use, after the fork."""

from __future__ import annotations

import multiprocessing
from functools import cache

from reflectgen.jobs.celery_queue import CeleryQueue
from reflectgen.jobs.reconcile import reconcile as reconcile_jobs
from reflectgen.jobs.registry import Registry, read_registry
from reflectgen.jobs.worker import Worker
from reflectgen.settings import ServiceSettings, read_service_settings
from reflectgen.store import Store

# Made before the fork: the parent sets it when it is told to go, and the children's heartbeats see it.
GOING = multiprocessing.get_context("fork").Event()


@cache
def _settings() -> ServiceSettings:
    return read_service_settings()


@cache
def _store() -> Store:
    return Store.at(_settings().database.get_secret_value(), migrates=False)  # `reflectgen db upgrade` does


@cache
def _queue() -> CeleryQueue:
    from workers.app import app

    return CeleryQueue(app)


def _registry() -> Registry:
    """Read anew for each job, so that an operator may change prices and endpoints while workers run."""
    return read_registry(_settings().registry)


@cache
def worker() -> Worker:
    settings = _settings()
    return Worker(
        _store(),
        _queue(),
        _registry,
        settings.data,
        lease_seconds=settings.lease_seconds,
        is_to_go=GOING.is_set,
    )


def reconcile() -> None:
    reconcile_jobs(_store(), _queue())


def forget() -> None:
    """Let go of what a parent opened, without closing it: it is the parent's."""
    for opened in (_settings, _store, _queue, worker):
        opened.cache_clear()


def close() -> None:
    if worker.cache_info().currsize:
        worker().close()
    if _store.cache_info().currsize:
        _store().close()
    forget()
