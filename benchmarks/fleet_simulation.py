"""A fleet in simulated time: how many chunks a second 1 to 256 GPUs reflect on, and how long each waits for us.

    python -m benchmarks.fleet_simulation [--no-real]

What happens to a chunk: its worker prepares the question (one process does one thing at a time), a GPU answers it, and
the answer waits for the next transaction of its worker, which the database takes one after the other. What each step
costs is measured: see `benchmarks.service` and results/service.json. First the simulation is held against real runs of
1 to 4 worker processes with the stand-in teacher, and is given the shards of their jobs; then it says what larger
fleets would do.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.report import RESULTS, Bar, Figure, report
from benchmarks.stub import TOOLS

FLEETS = (1, 4, 16, 64, 256)
GPU_REQUESTS_PER_SECOND = 75.0  # one H100, small teacher, 100 tokens an answer: 6,000 to 9,000 tokens a second
GPU_LATENCY_SECONDS = 1.5  # of an answer while the GPU has room


@dataclass(frozen=True)
class Fleet:
    """What is simulated; times in seconds."""

    num_gpus: int = 1
    workers_per_gpu: float = 1.0
    slots: int = 256  # calls in flight at one worker
    gpu_rate: float = GPU_REQUESTS_PER_SECOND  # answers a second, at most
    gpu_latency: float = GPU_LATENCY_SECONDS
    worker_cpu: float = 0.0014  # of a worker's process, per chunk
    commit_base: float = 0.0015  # of the database, per transaction
    commit_row: float = 0.00012  # and per answer in it
    database_lanes: int = 8  # transactions that the database takes at once

    @property
    def num_workers(self) -> int:
        return max(1, round(self.num_gpus * self.workers_per_gpu))


@dataclass
class Outcome:
    chunks_per_second: float
    gpu_busy: float  # part of what the GPUs could have answered
    worker_busy: float
    database_busy: float
    longest_commit_queue: int


@dataclass
class _Worker:
    free_at: float = 0.0  # its processor
    waiting: int = 0  # answers for the next transaction
    is_committing: bool = False
    busy: float = 0.0
    num_left: int = 0


@dataclass
class Simulation:
    """Events in order of time; everything is drawn from one seed."""

    fleet: Fleet
    shards: Sequence[int]  # chunks of each; a worker takes the next one when its last is handed out
    seed: int = 0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def run(self) -> Outcome:
        f = self.fleet
        self.rng = random.Random(self.seed)
        self.now = 0.0
        self.workers = [_Worker() for _ in range(f.num_workers)]
        self.not_taken = deque(self.shards)
        self.in_flight = [0] * f.num_gpus
        self.gpu_next = [0.0] * f.num_gpus
        self.lanes = f.database_lanes
        self.commits: deque[tuple[_Worker, int]] = deque()
        self.database_seconds, self.longest, self.done = 0.0, 0, 0
        total = sum(self.shards)
        for _ in range(f.slots):
            for worker in self.workers:
                self._prepare(worker)
        while self._events:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        seconds = self.now
        return Outcome(
            chunks_per_second=total / seconds,
            gpu_busy=total / seconds / (f.gpu_rate * f.num_gpus),
            worker_busy=sum(worker.busy for worker in self.workers) / seconds / f.num_workers,
            database_busy=self.database_seconds / seconds / f.database_lanes,
            longest_commit_queue=self.longest,
        )

    def _at(self, moment: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), happen))

    def _prepare(self, worker: _Worker) -> None:
        if not worker.num_left:
            if not self.not_taken:
                return
            worker.num_left = self.not_taken.popleft()
        worker.num_left -= 1
        worker.free_at = max(worker.free_at, self.now) + self.fleet.worker_cpu
        worker.busy += self.fleet.worker_cpu
        self._at(worker.free_at, lambda: self._ask(worker))

    def _ask(self, worker: _Worker) -> None:
        """The least busy of two GPUs drawn by lot: close to least outstanding requests, and quick to simulate."""
        number = min(
            self.rng.randrange(len(self.in_flight)),
            self.rng.randrange(len(self.in_flight)),
            key=self.in_flight.__getitem__,
        )
        self.in_flight[number] += 1
        # It begins answers at its rate, and each takes its latency from there.
        start = max(self.now, self.gpu_next[number])
        self.gpu_next[number] = start + 1 / self.fleet.gpu_rate
        self._at(start + self.fleet.gpu_latency * self.rng.uniform(0.7, 1.3), lambda: self._answered(worker, number))

    def _answered(self, worker: _Worker, number: int) -> None:
        self.in_flight[number] -= 1
        worker.waiting += 1
        if not worker.is_committing:
            self._begin_commit(worker)

    def _begin_commit(self, worker: _Worker) -> None:
        worker.is_committing = True
        self.commits.append((worker, worker.waiting))
        worker.waiting = 0
        self.longest = max(self.longest, len(self.commits))
        self._serve_database()

    def _serve_database(self) -> None:
        while self.lanes and self.commits:
            worker, rows = self.commits.popleft()
            self.lanes -= 1
            seconds = self.fleet.commit_base + rows * self.fleet.commit_row
            self.database_seconds += seconds
            self._at(self.now + seconds, lambda worker=worker, rows=rows: self._committed(worker, rows))

    def _committed(self, worker: _Worker, rows: int) -> None:
        self.lanes += 1
        self.done += rows
        worker.is_committing = False
        for _ in range(rows):
            self._prepare(worker)
        if worker.waiting:
            self._begin_commit(worker)
        self._serve_database()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-real", action="store_true", help="leave the real runs out")
    arguments = parser.parse_args()
    measured = measured_costs(Fleet())
    figures: dict[str, Figure] = {
        "worker_cpu_ms_per_chunk": measured.worker_cpu * 1000,
        "database_cpu_ms_per_chunk": measured.commit_row * 1000,
    }
    bars = []
    if not arguments.no_real and (TOOLS / "stub_openai.py").is_file():
        for number, (real, simulated) in real_and_simulated(measured).items():
            figures[f"{number}_workers_real_chunks_per_second"] = real
            figures[f"{number}_workers_simulated_chunks_per_second"] = simulated
            bars.append(
                Bar(f"{number} workers, simulated as part of real, off by", abs(simulated / real - 1), "<=", 0.15)
            )
    for num_gpus in FLEETS:
        fleet = replace(measured, num_gpus=num_gpus)
        outcome = Simulation(fleet, [int(GPU_REQUESTS_PER_SECOND) * 60] * num_gpus).run()
        figures[f"{num_gpus}_gpus_chunks_per_second"] = outcome.chunks_per_second
        figures[f"{num_gpus}_gpus_busy"] = outcome.gpu_busy
        figures[f"{num_gpus}_gpus_worker_busy"] = outcome.worker_busy
        figures[f"{num_gpus}_gpus_database_busy"] = outcome.database_busy
    report("fleet_simulation", figures, bars)


def measured_costs(fleet: Fleet) -> Fleet:
    """Return `fleet` with the costs that `benchmarks.service` measured, where it has been run."""
    path = RESULTS / "service.json"
    if not path.is_file():
        return fleet
    figures = json.loads(path.read_text())["figures"]
    return replace(
        fleet,
        worker_cpu=figures["slow_1_worker_workers_cpu_ms_per_chunk"] / 1000,
        commit_row=figures["slow_1_worker_postgres_cpu_ms_per_chunk"] / 1000,
    )


def real_and_simulated(measured: Fleet) -> dict[int, tuple[float, float]]:
    """Return chunks a second of 1 to 4 real workers, 32 calls each to a teacher that takes 250 ms, and as simulated."""
    from benchmarks.prose import write_texts
    from benchmarks.service import rate
    from reflectgen.store import corpus
    from tests.faults.fleet import fleet

    slots, seconds, num_chunks = 32, 0.25, 4000
    found = {}
    with (
        tempfile.TemporaryDirectory(prefix="reflectgen-bench-") as folder,
        fleet(Path(folder), "--latency-ms", str(seconds * 1000)) as here,
    ):
        written = (here.folder / "registry.toml").read_text().replace("concurrency = 16", f"concurrency = {slots}")
        (here.folder / "registry.toml").write_text(written)
        here.reload_registry()
        here.start_control()
        for number in range(1, 5):
            here.add_workers(1)
            here.await_workers()
            texts = write_texts(here.folder / f"texts{number}.jsonl", number * num_chunks // 2, seed=number)
            job_id = here.submit(texts)
            here.wait(job_id, 300)
            job_number, _ = here.number_of(job_id)
            real = rate(here.store, job_number)
            with here.store.read() as connection:
                shards = [shard.num_chunks for shard in corpus.shards(connection, job_number)]
            model = replace(
                measured, num_gpus=1, workers_per_gpu=number, slots=slots, gpu_rate=1e6, gpu_latency=seconds
            )
            found[number] = (real, Simulation(model, shards).run().chunks_per_second)
    return found


if __name__ == "__main__":
    main()
