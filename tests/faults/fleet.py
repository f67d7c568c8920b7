"""A real fleet on one machine: PostgreSQL, Redis, a teacher that can fail, worker processes, and the reconciler."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import insert

from benchmarks.stub import Stub, stub_server
from reflectgen.api.keys import Scope, new_token
from reflectgen.client import APIError, Client
from reflectgen.jobs.broker import celery_app
from reflectgen.jobs.celery_queue import CeleryQueue
from reflectgen.jobs.registry import read_registry
from reflectgen.jobs.request import JobRequest
from reflectgen.jobs.service import status_of, submit
from reflectgen.settings import read_service_settings
from reflectgen.store import Store, jobs, keys, pages
from reflectgen.store.counts import count_job
from reflectgen.store.tables import corpus
from tests.servers import PostgresServer, RedisServer, free_port

REPOSITORY = Path(__file__).parents[2]
SLOTS = 16  # calls that one worker has in flight
LEASE_SECONDS = 4.0
REGISTRY = """
[endpoints.teacher]
url = "{url}"
concurrency = 16
batch = false
timeout_seconds = 5

[recipes.stub.teacher]
use = ["teacher"]
"""
WORKER = ("worker", "--queues", "plan,reflect,export", "--concurrency", "1")
CONTROL = ("worker", "--beat", "--pool", "solo", "--queues", "control")
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
LIBFAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


@dataclass
class Process:
    """One program of the fleet, with all that it starts in a group of its own."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.popen = subprocess.Popen(
                self.command, env=self.environment, cwd=REPOSITORY, stdout=out, stderr=out, start_new_session=True
            )

    def signal(self, number: signal.Signals) -> None:
        if self.popen is not None:
            os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        """End it and its children as a power cut would."""
        if self.popen is not None and self.popen.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
            self.popen.wait()

    @property
    def is_up(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def children(self) -> list[int]:
        assert self.popen is not None
        found = subprocess.run(["pgrep", "-P", str(self.popen.pid)], capture_output=True, text=True, check=False)
        return [int(line) for line in found.stdout.split()]


@dataclass
class Fleet:
    postgres: PostgresServer
    redis: RedisServer
    stub: Stub
    folder: Path
    environment: dict[str, str]
    store: Store
    stack: ExitStack  # what is closed at the end
    workers: list[Process] = field(default_factory=list)
    control: Process | None = None
    api: Process | None = None

    def __post_init__(self) -> None:
        self.queue = CeleryQueue(celery_app(read_service_settings(self.environment)))
        self.reload_registry()

    def reload_registry(self) -> None:
        self.registry = read_registry(read_service_settings(self.environment).registry)

    def await_workers(self) -> None:
        """Return when every worker has its process that does the tasks."""
        while not all(worker.children() for worker in self.workers):
            time.sleep(0.1)
        time.sleep(1.0)  # and has opened its queue

    def add_workers(self, number: int, **more: str) -> None:
        for _ in range(number):
            self.workers.append(self._process(f"worker-{len(self.workers)}", WORKER, more))
            self.workers[-1].start()

    def start_control(self) -> None:
        self.control = self._process("control", (*CONTROL, "--schedule", str(self.folder / "beat")), {})
        self.control.start()

    def start_api(self) -> Client:
        """Serve the API, and return a client of it with a key that may do everything."""
        port = free_port()
        command = [sys.executable, "-m", "reflectgen", "api", "--port", str(port)]
        self.api = Process("api", command, self.environment, self.folder / "api.log")
        self.api.start()
        key_id, token, secret_sha256 = new_token()
        with self.store.write() as connection:
            keys.add(connection, key_id, "faults", secret_sha256, tuple(scope.value for scope in Scope), None)
        client = self.stack.enter_context(Client(f"http://127.0.0.1:{port}", token, max_attempts=20))
        while True:
            try:
                client.recipes()
                return client
            except APIError:
                time.sleep(0.2)

    def _process(self, name: str, arguments: tuple[str, ...], more: dict[str, str]) -> Process:
        command = [sys.executable, "-m", "celery", "-A", "workers.app", *arguments, *QUIET, "--hostname", f"{name}@%h"]
        return Process(name, command, self.environment | more, self.folder / f"{name}.log")

    def submit(self, texts: Path) -> str:
        row = {"public_id": texts.stem, "key_id": "k", "name": texts.stem, "path": str(texts), "sha256": ""}
        with self.store.write() as connection:
            connection.execute(insert(corpus).values(**row, num_bytes=texts.stat().st_size, created_at=0.0))
        request = JobRequest(corpus=texts.stem, recipe="stub")
        return submit(self.store, self.queue, self.registry, request, key_id="k")

    def number_of(self, job_id: str) -> tuple[int, int]:
        """Return the number of a job in its tables, and how many chunks it has."""
        with self.store.read() as connection:
            job = jobs.find(connection, job_id)
            assert job is not None
            return job.id, count_job(connection, job.id).num_chunks

    def num_settled(self, job_id: str) -> int:
        """Return how many chunks of a job have their reflection."""
        number, _ = self.number_of(job_id)
        with self.store.read() as connection:
            return pages.figures_of(connection, [number])[number].num_settled

    def status(self, job_id: str) -> str:
        with self.store.read() as connection:
            job = jobs.find(connection, job_id)
            assert job is not None
            return f"{status_of(connection, job)} {job.error}".strip()

    def wait(self, job_id: str, seconds: float) -> str:
        """Return a job's status once it has ended; RuntimeError if it has not after so long."""
        give_up = time.monotonic() + seconds
        while (status := self.status(job_id)).startswith(("validating", "in_progress", "finalizing")):
            if time.monotonic() > give_up:
                raise RuntimeError(f"{job_id} is still {status}; logs are in {self.folder}")
            time.sleep(0.2)
        return status


@contextmanager
def fleet(folder: Path, *stub_options: str) -> Iterator[Fleet]:
    """Run all but the workers; whatever the block does, nothing is left running."""
    with ExitStack() as stack:
        # Kept on disk as a real one does: a restart is part of what is tried.
        postgres = stack.enter_context(PostgresServer(synchronous_commit="on"))
        redis = stack.enter_context(RedisServer())
        stub = stack.enter_context(stub_server(*stub_options))
        registry = folder / "registry.toml"
        registry.write_text(REGISTRY.format(url=stub.url))
        environment = os.environ | {
            "REFLECTGEN_DATA": str(folder / "data"),
            "REFLECTGEN_DATABASE_URL": postgres.create_database(),
            "REFLECTGEN_REDIS_URL": redis.url(),
            "REFLECTGEN_REGISTRY": str(registry),
            "REFLECTGEN_LEASE_SECONDS": str(LEASE_SECONDS),
            "PYTHONPATH": str(REPOSITORY),
        }
        store = stack.enter_context(Store.at(environment["REFLECTGEN_DATABASE_URL"]))
        store.migrate()
        made = Fleet(postgres, redis, stub, folder, environment, store, stack)
        try:
            yield made
        finally:
            for process in (*made.workers, made.control, made.api):
                if process is not None:
                    process.kill()
