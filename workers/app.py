"""The Celery application. `celery -A workers.app worker --queues plan,reflect,export` does the work of all jobs;
`--queues train` in their place the trainings, where the extra `train` is installed;
`celery -A workers.app worker --beat --pool solo --queues control`, one of it, is the reconciler.

Tasks are thin: a message carries the id of a row in SQL, and the room `jobs` does what is to be done.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import Celery, signals

from reflectgen.errors import ReflectgenError
from reflectgen.jobs.broker import RECONCILE, TASK_NAMES, celery_settings
from reflectgen.logs import set_up_logs
from reflectgen.settings import read_service_settings
from reflectgen.traces import end_traces, start_traces
from workers import liveness, process

log = logging.getLogger(__name__)

app = Celery("reflectgen")
app.conf.update(celery_settings(read_service_settings()))
liveness.watch(app)


@app.task(name=TASK_NAMES["plan"])
def plan(task_id: int) -> None:
    process.worker().do(task_id)


@app.task(name=TASK_NAMES["reflect"])
def reflect(task_id: int) -> None:
    process.worker().do(task_id)


@app.task(name=TASK_NAMES["review"])
def review(task_id: int) -> None:
    process.worker().do(task_id)


@app.task(name=TASK_NAMES["export"])
def export(task_id: int) -> None:
    process.worker().do(task_id)


@app.task(name=TASK_NAMES["archive"])
def archive(task_id: int) -> None:
    process.worker().do(task_id)


@app.task(name=TASK_NAMES["train"])
def train(task_id: int) -> None:
    process.worker().do(task_id)


@app.task(name=RECONCILE, expires=30)
def reconcile() -> None:
    try:
        process.reconcile()
    except ReflectgenError as error:  # the next beat tries again
        log.warning("not reconciled: %s", error)


@signals.setup_logging.connect
def _log_as_json(**_kw: Any) -> None:
    set_up_logs()


@signals.worker_process_init.connect
def _begin(**_kw: Any) -> None:
    process.forget()
    start_traces("reflectgen-worker")


@signals.worker_process_shutdown.connect
def _end(**_kw: Any) -> None:
    process.close()
    end_traces()


@signals.worker_shutting_down.connect
def _say_so(**_kw: Any) -> None:
    process.GOING.set()
