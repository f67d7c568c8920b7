"""Celery's settings and the reasons for them, in one place. Nothing here has to be right for no work to be lost.

SQL is the queue of record; a message says only that a task is there, and may be lost, late or twice. So messages are
acknowledged when they come, which spares everything that makes late acknowledgement fragile on Redis: redelivery after
a visibility time-out while the task still runs, loops of a task that kills its worker, messages stuck as unacknowledged
after a kill. A message that dies with its worker is rung again by the reconciler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reflectgen.jobs.ledger import FINISH_SECONDS
from reflectgen.jobs.queue import QUEUE_OF
from reflectgen.settings import ServiceSettings

if TYPE_CHECKING:
    from celery import Celery

PREFIX = "reflectgen:"  # of every key in Redis
CONTROL = "control"  # the reconciler's queue, so that it never waits behind work
RECONCILE = "reflectgen.reconcile"
RECONCILE_SECONDS = 5.0
TASK_NAMES = {kind: f"reflectgen.{kind}" for kind in QUEUE_OF}


def celery_settings(settings: ServiceSettings) -> dict[str, Any]:
    """Return Celery's configuration. The broker's address holds a password: it comes from the environment alone."""
    url = settings.redis_url
    return {
        "broker_url": url.get_secret_value() if url else "memory://",
        # Ids only, so that nothing but JSON is ever unpacked, and results stay in SQL.
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        # Early acknowledgement, see above; one message a process, none reserved by a busy one.
        "task_acks_late": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        # A worker that finds no broker keeps trying: it may be restarted for as long as anybody likes.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "global_keyprefix": PREFIX,
            # A publish on a dead connection would wait for ever; longer than a poll of the queue, which takes 1 s.
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "max_retries": 3,  # of a publish; the reconciler rings again
        },
        # SIGTERM is a warm shutdown, and tasks end by themselves once it comes: see `Worker`. SIGQUIT, to which
        # REMAP_SIGTERM turns SIGTERM, says nothing to them before this has passed; leave it as it is.
        "worker_soft_shutdown_timeout": FINISH_SECONDS,
        # Nothing is opened before the fork, so forking is safe, and quick.
        "worker_pool_start_method": "fork",
        "worker_max_tasks_per_child": 500,  # what leaks in a library goes with the process
        # State and progress are in SQL: no events, no gossip between workers.
        "worker_send_task_events": False,
        "task_track_started": False,
        "worker_hijack_root_logger": False,
        "task_default_queue": CONTROL,
        "task_routes": {TASK_NAMES[kind]: {"queue": queue} for kind, queue in QUEUE_OF.items()},
        "beat_schedule": {"reconcile": {"task": RECONCILE, "schedule": RECONCILE_SECONDS}},
        "timezone": "UTC",
    }


def celery_app(settings: ServiceSettings) -> Celery:
    """Return an application that can send; the workers' one adds the tasks."""
    from celery import Celery  # slow to import, and only the service needs it

    app = Celery("reflectgen", set_as_current=False)
    app.conf.update(celery_settings(settings))
    return app
