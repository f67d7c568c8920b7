"""A pool of endpoints over scripted models, in virtual time: what the tests of sharing and of outages stand on."""

import asyncio
import copy
import random

from reflectgen.errors import (
    TeacherUnavailable,
)
from reflectgen.llm.completion import Completion, CompletionRequest
from reflectgen.llm.member import Member
from reflectgen.llm.pool import EndpointPool
from tests.llm.virtual_time import SlowModel, VirtualTime

DOWN = TeacherUnavailable("connection refused")
MANY = 10_000


def request(seed: int) -> CompletionRequest:
    return CompletionRequest(({"role": "user", "content": "?"},), "m", seed, 0.0, 10)


class Node(SlowModel):
    """One endpoint: `says(seed, now)` is its answer, or what it raises; failures take `failure_seconds`."""

    def __init__(self, name, says, time, seconds=1.0, failure_seconds=None):
        super().__init__(lambda asked: says(asked.seed, time.now), time, seconds)
        self.asked_at = []
        self.jitter = 0.0  # the share by which an answer may take longer or shorter
        self._name = name
        self._rng = random.Random(1)
        self._failure_seconds = seconds if failure_seconds is None else failure_seconds

    @property
    def endpoint(self) -> str:
        return self._name

    async def complete(self, asked):
        self.requests.append(asked)
        self.asked_at.append(self._time.now)
        self.in_flight += 1
        self.max_in_flight = max(self.in_flight, self.max_in_flight)
        line = copy.copy(self._script(asked))  # every failed call has an error of its own
        fails = isinstance(line, Exception)
        try:
            spread = self._rng.uniform(1 - self.jitter, 1 + self.jitter)
            await self._time.sleep(self._failure_seconds if fails else self._seconds * spread)
        finally:
            self.in_flight -= 1
        if fails:
            raise line
        return line if isinstance(line, Completion) else Completion(line)


class Loaded(Node):
    """An endpoint that tells its load."""

    def __init__(self, *arguments, loads, **options):
        super().__init__(*arguments, **options)
        self._loads, self.num_polls = loads, 0

    async def metrics(self):
        self.num_polls += 1
        load = self._loads(self.num_polls)
        if isinstance(load, Exception):
            raise load
        return load


class Bench:
    """A pool over scripted endpoints, in virtual time."""

    def __init__(self, *says, concurrency=8, patience=600.0, seconds=1.0, **options) -> None:
        self.time = VirtualTime()
        seconds = seconds if isinstance(seconds, tuple) else (seconds,) * len(says)
        self.nodes = [
            Node(f"http://h{n}/v1", one, self.time, wait, **options)
            for n, (one, wait) in enumerate(zip(says, seconds, strict=True))
        ]
        self.build(concurrency, patience)

    def build(self, concurrency=8, patience=600.0):
        concurrency = concurrency if isinstance(concurrency, tuple) else (concurrency,) * len(self.nodes)
        self.members = [Member(node, most) for node, most in zip(self.nodes, concurrency, strict=True)]
        self.pool = EndpointPool(
            self.members,
            patience_seconds=patience,
            clock=self.time.clock,
            sleep=self.time.sleep,
            rng=random.Random(1),
        )

    def ask(self, *seeds, workers=MANY):
        return self.time.run(self.asking(seeds, workers))

    async def asking(self, seeds, workers=MANY):
        slots = asyncio.Semaphore(workers)

        async def one(seed):
            async with slots:
                return (await self.pool.complete(request(seed))).text

        return await asyncio.gather(*[one(seed) for seed in seeds], return_exceptions=True)

    @property
    def num_calls(self):
        return [len(node.requests) for node in self.nodes]

    @property
    def states(self):
        return [endpoint.state for endpoint in self.pool.status.endpoints]


def yes(seed, now):
    return "yes"


def always(error):
    return lambda seed, now: error


def away(start, end, error=DOWN):
    return lambda seed, now: error if start <= now < end else "yes"


def kinds(results):
    return {type(result) for result in results}
