"""What befalls a fleet: a seeded list of misfortunes, one after the other, at moments drawn by lot."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select

from reflectgen.errors import ReflectgenError
from reflectgen.store.tables import task
from reflectgen.store.tasks import Doorbell
from tests.faults.fleet import LEASE_SECONDS, SLOTS, Fleet, Process

PAUSE_SECONDS = LEASE_SECONDS + 3  # of a stopped worker: its lease runs out, and another has its shard


@dataclass(frozen=True)
class Plan:
    """How often each thing happens, and the seconds between two of them, on average."""

    kills: int
    flushes: int
    redis_restarts: int
    postgres_restarts: int
    pauses: int
    duplicates: int
    api_kills: int
    mean_seconds: float


SHORT = Plan(
    kills=5, flushes=1, redis_restarts=1, postgres_restarts=1, pauses=1, duplicates=2, api_kills=1, mean_seconds=1.5
)
LONG = Plan(
    kills=25, flushes=3, redis_restarts=1, postgres_restarts=1, pauses=3, duplicates=5, api_kills=3, mean_seconds=2.5
)


class Chaos:
    """Does to a fleet what `plan` says. `num_in_flight_lost` bounds how many answers may have been paid for twice."""

    def __init__(self, fleet: Fleet, plan: Plan, seed: int) -> None:
        self._fleet = fleet
        self._plan = plan
        self._rng = random.Random(seed)
        self._asleep: list[tuple[float, Process]] = []
        self.done: Counter[str] = Counter()
        self.num_in_flight_lost = 0

    def run(self, is_over: Callable[[], bool]) -> None:
        """Let everything happen that is planned, unless the job ends before."""
        misfortunes: list[Callable[[], None]] = [
            *[self._kill] * self._plan.kills,
            *[self._flush] * self._plan.flushes,
            *[self._restart_redis] * self._plan.redis_restarts,
            *[self._restart_postgres] * self._plan.postgres_restarts,
            *[self._put_to_sleep] * self._plan.pauses,
            *[self._repeat_messages] * self._plan.duplicates,
            *[self._kill_api] * self._plan.api_kills,
        ]
        self._rng.shuffle(misfortunes)
        for misfortune in misfortunes:
            until = time.monotonic() + self._rng.uniform(0.5, 1.5) * self._plan.mean_seconds
            while time.monotonic() < until:
                self._wake()
                time.sleep(0.05)
            if is_over():
                break
            misfortune()
            self.done[misfortune.__name__.lstrip("_")] += 1
        while self._asleep:
            self._wake()
            time.sleep(0.05)

    def _kill(self) -> None:
        """End a worker as the out-of-memory killer or a power cut does, and start it again."""
        worker = self._rng.choice([one for one in self._fleet.workers if one not in self._sleepers()])
        self.num_in_flight_lost += SLOTS
        children = worker.children()
        if children and self._rng.random() < 0.5:
            with suppress(ProcessLookupError):
                os.kill(self._rng.choice(children), signal.SIGKILL)  # its parent starts another
            return
        worker.kill()
        worker.start()

    def _put_to_sleep(self) -> None:
        worker = self._rng.choice([one for one in self._fleet.workers if one not in self._sleepers()])
        worker.signal(signal.SIGSTOP)
        self._asleep.append((time.monotonic() + PAUSE_SECONDS, worker))
        self.num_in_flight_lost += SLOTS

    def _wake(self) -> None:
        for wake_at, worker in list(self._asleep):
            if time.monotonic() >= wake_at:
                worker.signal(signal.SIGCONT)
                self._asleep.remove((wake_at, worker))

    def _sleepers(self) -> list[Process]:
        return [worker for _, worker in self._asleep]

    def _flush(self) -> None:
        self._fleet.redis.flush()

    def _restart_redis(self) -> None:
        self._fleet.redis.kill()
        time.sleep(1.0)
        self._fleet.redis.start()

    def _restart_postgres(self) -> None:
        self._fleet.postgres.kill()
        time.sleep(1.0)
        self._fleet.postgres.start()
        self.num_in_flight_lost += SLOTS * len(self._fleet.workers)

    def _kill_api(self) -> None:
        assert self._fleet.api is not None
        self._fleet.api.kill()
        self._fleet.api.start()

    def _repeat_messages(self) -> None:
        """Ring once more, and late, for tasks that are under way or done."""
        with suppress(ReflectgenError), self._fleet.store.read() as connection:
            rows = list(connection.execute(select(task.c.kind, task.c.id)))
            some = self._rng.sample(rows, min(5, len(rows)))
            self._fleet.queue.ring([Doorbell(row.kind, row.id) for row in some] * 2)
