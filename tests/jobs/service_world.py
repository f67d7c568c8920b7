"""A whole service in one process: a store, a queue that remembers its rings, and workers that answer them."""

import json
from pathlib import Path

from sqlalchemy import insert, select, update

from reflectgen.jobs.reconcile import reconcile
from reflectgen.jobs.registry import Registry
from reflectgen.jobs.request import JobRequest
from reflectgen.jobs.service import status_of, submit
from reflectgen.jobs.worker import Worker
from reflectgen.store import Store, jobs
from reflectgen.store.counts import count_job
from reflectgen.store.tables import corpus, task


class Rings:
    """A queue whose messages a test delivers, loses or repeats."""

    def __init__(self):
        self.waiting = []

    def ring(self, bells):
        self.waiting += bells

    def depth(self, kind):
        return sum(bell.kind == kind for bell in self.waiting)


class Service:
    def __init__(self, folder: Path, registry: Registry | None = None, store: Store | None = None):
        self.folder = folder
        self.registry = registry or Registry()
        self.store = store or Store(folder / "service.sqlite")
        self.queue = Rings()
        self.worker = self.new_worker()

    def new_worker(self, lease_seconds=60.0, is_to_go=lambda: False) -> Worker:
        return Worker(
            self.store,
            self.queue,
            lambda: self.registry,
            self.folder,
            lease_seconds=lease_seconds,
            is_to_go=is_to_go,
        )

    def add_corpus(self, texts, public_id="corpus_1", path=None) -> str:
        if path is None:
            path = self.folder / f"{public_id}.jsonl"
            path.write_text("".join(json.dumps({"id": f"d{n}", "text": text}) + "\n" for n, text in enumerate(texts)))
        row = {"public_id": public_id, "key_id": "k", "name": "a corpus", "path": str(path), "sha256": ""}
        with self.store.write() as connection:
            connection.execute(insert(corpus).values(**row, num_bytes=path.stat().st_size, created_at=0.0))
        return public_id

    def submit(self, corpus_id="corpus_1", **wanted) -> str:
        return submit(self.store, self.queue, self.registry, JobRequest(corpus=corpus_id, **wanted), key_id="k")

    def deliver(self, number=10_000, worker=None) -> int:
        """Have a worker answer up to `number` rings, those that its work leads to included; return how many."""
        answered = 0
        while self.queue.waiting and answered < number:
            (worker or self.worker).do(self.queue.waiting.pop(0).task_id)
            answered += 1
        return answered

    def reconcile(self):
        return reconcile(self.store, self.queue)

    def job(self, public_id):
        with self.store.read() as connection:
            return jobs.find(connection, public_id)

    def status(self, public_id):
        with self.store.read() as connection:
            return status_of(connection, jobs.find(connection, public_id))

    def counts(self, public_id):
        with self.store.read() as connection:
            return count_job(connection, jobs.find(connection, public_id).id)

    def tasks(self, public_id):
        query = select(task).where(task.c.job_id == self.job(public_id).id).order_by(task.c.id)
        with self.store.read() as connection:
            return list(connection.execute(query))

    def alter_tasks(self, **values):
        with self.store.write() as connection:
            connection.execute(update(task).where(task.c.state != "done").values(**values))

    def job_folder(self, public_id) -> Path:
        return self.folder / "jobs" / public_id

    def export_folder(self, public_id) -> Path:
        (found,) = (self.job_folder(public_id) / "exports").iterdir()
        return found
