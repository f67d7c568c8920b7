"""The job API under a mixed load from one client process, while a worker does a job.

    python -m benchmarks.api [--seconds 60]

The load is an open one: a request is due at its time whether the one before was answered or not, and its latency counts
from when it was due. The mix: 40 % a job, 20 % a page of 20 jobs, 15 % a page of 20 reflections with their texts, 10 %
exports, 5 % a submission under an Idempotency-Key that is known, 5 % events, 5 % recipes. API, PostgreSQL, Redis,
worker, teacher and client share this machine. The highest rate that a few seconds allow is searched for, from 50 a
second by doubling and halving the gap, and nine tenths of it are held for the whole time. Where that is less than
1000, the CPU that each part took says why. Two and a half minutes in all.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.processes import REFLECTGEN, python_loop_ns
from benchmarks.prose import write_texts
from benchmarks.report import Bar, Figure, report
from benchmarks.service import cpu_of_tree
from benchmarks.stub import free_port
from reflectgen.api.keys import new_token
from reflectgen.store import keys
from tests.faults.fleet import Fleet, Process, fleet

LOWEST, WANTED = 50, 1000  # requests a second
TRY_SECONDS = 5.0
NARROW = 1.15  # between a rate that is held and one that is not, where the search ends
BAR_MS = 100.0
GET, POST = "GET", "POST"


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load: `late` requests had no answer within 5 s of being due, or not one of success."""

    rate: float
    seconds: float  # until the last answer
    answered_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    num_failed: int

    @property
    def holds(self) -> bool:
        return self.p95_ms <= BAR_MS and not self.num_failed and self.answered_per_second >= 0.98 * self.rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--chunks", type=int, default=60_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reflectgen-bench-") as folder, fleet(Path(folder)) as here:
        here.start_control()
        here.add_workers(1)
        here.await_workers()
        small = write_texts(here.folder / "small.jsonl", 200)
        finished = here.submit(small)
        here.wait(finished, 120)
        with served(here) as (url, process):
            figures = asyncio.run(measure(here, url, process, finished, arguments))
    report("api", figures, [Bar("p95 at the rate that is held, ms", float(figures["p95_ms"] or 0), "<=", BAR_MS)])


@contextmanager
def served(here: Fleet) -> Iterator[tuple[str, Process]]:
    port = free_port()
    environment = here.environment | {"REFLECTGEN_REQUESTS_PER_MINUTE": "10000000"}
    process = Process("api", [*REFLECTGEN, "api", "--port", str(port)], environment, here.folder / "api.log")
    process.start()
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.signal(signal.SIGTERM)
        if process.popen:
            process.popen.wait(30)


async def measure(
    here: Fleet, url: str, process: Process, finished: str, arguments: argparse.Namespace
) -> dict[str, Figure]:
    key_id, token, secret_sha256 = new_token()
    with here.store.write() as connection:
        keys.add(connection, key_id, "load", secret_sha256, ("admin",), None)
    connector = aiohttp.TCPConnector(limit=64)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, connector=connector, headers=headers) as session:
        await until_ready(session)
        running = here.submit(write_texts(here.folder / "large.jsonl", arguments.chunks // 2))
        await asyncio.sleep(5)
        requests = mix(finished, running)
        await load(session, requests, LOWEST, 2.0)  # what is done once is done
        held = await highest(session, requests)
        parts = {"api": process, "worker": here.workers[0], "control": here.control}
        roots = {name: one.popen.pid for name, one in parts.items() if one and one.popen}
        roots |= {"postgres": here.postgres.process_id, "redis": here.redis.process_id}
        before, settled = cores(roots), here.num_settled(running)
        result = await load(session, requests, held, arguments.seconds)
        spent = {name: after - before[name] for name, after in cores(roots).items()}
    num_requests = result.answered_per_second * result.seconds
    return {
        "rate_per_second": held,
        "seconds": arguments.seconds,
        "answered_per_second": result.answered_per_second,
        "p50_ms": result.p50_ms,
        "p95_ms": result.p95_ms,
        "p99_ms": result.p99_ms,
        "num_failed": result.num_failed,
        "api_cpu_ms_per_request": spent["api"] / num_requests * 1000,
        "client_cpu_ms_per_request": spent["client"] / num_requests * 1000,
        **{f"{name}_cores": used / result.seconds for name, used in spent.items()},
        "job_chunks_per_second": (here.num_settled(running) - settled) / result.seconds,
        "job_status_at_end": here.status(running),
        "cpus": os.cpu_count(),
        "python_loop_ns": python_loop_ns(),
    }


async def highest(session: aiohttp.ClientSession, requests: list[tuple[str, str]]) -> int:
    """Return nine tenths of the highest rate that is held for a few seconds."""
    held, broken = 0, 0
    rate = LOWEST
    while rate <= WANTED and (not broken or broken / max(held, 1) > NARROW):
        if await is_held(session, requests, rate):
            held = rate
        else:
            broken = rate
        await until_idle(session)
        if rate <= LOWEST and broken:
            return LOWEST
        rate = round((held * broken) ** 0.5) if broken else min(held * 2, WANTED) if held < WANTED else WANTED + 1
    return WANTED if held == WANTED else round(held * 0.9)


async def until_idle(session: aiohttp.ClientSession) -> None:
    """Wait until what was left of the load before is done with: whom nobody waits for is answered all the same."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        began = time.monotonic()
        async with session.get("/v1/jobs?limit=1") as answer:
            await answer.read()
        if time.monotonic() - began < 0.05:
            return


async def is_held(session: aiohttp.ClientSession, requests: list[tuple[str, str]], rate: int) -> bool:
    found = await load(session, requests, rate, TRY_SECONDS)
    print(f"{rate}/s: answered {found.answered_per_second:.0f}/s, p95 {found.p95_ms:.0f} ms, {found.num_failed} failed")
    return found.holds


def mix(finished: str, running: str) -> list[tuple[str, str]]:
    """Return a hundred requests in the proportions of the mix, in an order that is always the same."""
    jobs = [(GET, f"/v1/jobs/{running}")] * 25 + [(GET, f"/v1/jobs/{finished}")] * 15
    pages = [(GET, "/v1/jobs?limit=20")] * 20
    reflections = [(GET, f"/v1/jobs/{finished}/reflections?limit=20&after=0-{n}-0") for n in range(0, 30, 2)]
    exports = [(GET, f"/v1/jobs/{finished}/exports")] * 10
    submissions = [(POST, f"/v1/jobs#{number}") for number in range(5)]
    events = [(GET, f"/v1/jobs/{running}/events?follow=false")] * 5
    rest = submissions + events + [(GET, "/v1/recipes")] * 5
    drawn = jobs + pages + reflections + exports + rest
    random.Random(1).shuffle(drawn)
    return drawn


async def load(session: aiohttp.ClientSession, requests: list[tuple[str, str]], rate: int, seconds: float) -> Load:
    """Send requests at a rate for so long, and wait for what is under way."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    num_failed = 0
    began = loop.time()

    async def ask(due: float, method: str, path: str) -> None:
        nonlocal num_failed
        path, _, number = path.partition("#")
        how = {"json": {"corpus": "small", "recipe": "stub"}, "headers": {"Idempotency-Key": f"load-{number}"}}
        try:
            async with asyncio.timeout(5.0), session.request(method, path, **(how if method == POST else {})) as answer:
                await answer.read()
                num_failed += answer.status >= 400
        except (TimeoutError, aiohttp.ClientError):
            num_failed += 1
        latencies.append(loop.time() - due)

    tasks = set()
    for number in range(round(rate * seconds)):
        due = began + number / rate
        if (wait := due - loop.time()) > 0.001:
            await asyncio.sleep(wait)
        task = asyncio.create_task(ask(due, *requests[number % len(requests)]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    took = loop.time() - began
    ordered = sorted(latencies)
    quantile = [ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000 for part in (0.5, 0.95, 0.99)]
    return Load(rate, took, len(ordered) / took, *quantile, num_failed)


async def until_ready(session: aiohttp.ClientSession) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            async with session.get("/readyz") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    sys.exit("the API did not start")


def cores(roots: dict[str, int]) -> dict[str, float]:
    """Return the CPU seconds that processes have used, with those that they started and that still run."""
    return {name: cpu_of_tree(pid) for name, pid in roots.items()} | {"client": time.process_time()}


if __name__ == "__main__":
    main()
