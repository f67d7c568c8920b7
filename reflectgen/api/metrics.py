"""What Prometheus reads: requests from this process, jobs and tasks from SQL at the moment of the scrape."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from reflectgen.store import Store, clock
from reflectgen.store.tables import job, task
from reflectgen.store.tasks import KINDS

JOB_STATES = ("running", "finished", "paused", "cancelled", "failed")
TASK_STATES = ("ready", "leased", "done", "quarantined")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """One registry for each application, so that two in one process do not count together."""

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("reflectgen_http_requests_total", "Requests answered", labels, registry=self.registry)
        self._seconds = Histogram(
            "reflectgen_http_request_seconds",
            "Seconds until an answer began",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_Ledger(store))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _Ledger(Collector):
    """Counted in SQL, so the same whichever process is asked, and however many workers there are."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> list[GaugeMetricFamily]:
        return []  # so that registering does not ask the database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        jobs = GaugeMetricFamily("reflectgen_jobs", "Jobs by state", labels=["state"])
        tasks = GaugeMetricFamily("reflectgen_tasks", "Tasks by kind and state", labels=["kind", "state"])
        overdue = GaugeMetricFamily("reflectgen_tasks_lease_expired", "Leased tasks whose lease has run out")
        oldest = GaugeMetricFamily(
            "reflectgen_task_oldest_ready_seconds", "Age of the oldest ready task of a job that is not held"
        )
        with self._store.read() as connection:
            states = (job.c.state, job.c.hold)
            counted = select(*states, func.count()).where(job.c.public_id.is_not(None)).group_by(*states)
            # What there is none of is said too: a series that begins with 1 has not risen, and nobody would be told.
            num_jobs = dict.fromkeys(JOB_STATES, 0)
            for state, hold, number in connection.execute(counted):
                num_jobs[hold or state] += number
            kinds = (task.c.kind, task.c.state)
            num_tasks = dict.fromkeys(product(KINDS, TASK_STATES), 0)
            for kind, state, number in connection.execute(select(*kinds, func.count()).group_by(*kinds)):
                num_tasks[kind, state] = number
            for name, number in num_jobs.items():
                jobs.add_metric([name], number)
            for names, number in num_tasks.items():
                tasks.add_metric(names, number)
            now = clock.now(connection)
            expired = (task.c.state == "leased", task.c.lease_expires_at < now)
            overdue.add_metric([], connection.execute(select(func.count()).where(*expired)).scalar_one())
            waiting = select(func.min(task.c.created_at)).join(job, job.c.id == task.c.job_id)
            since = connection.execute(waiting.where(task.c.state == "ready", job.c.hold == "")).scalar_one()
            oldest.add_metric([], 0.0 if since is None else max(0.0, now - since))
        yield from (jobs, tasks, overdue, oldest)
