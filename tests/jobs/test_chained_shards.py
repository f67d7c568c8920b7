"""A worker that goes on from shard to shard: each has its own lines in the log, its own blame and its own attempts."""

import asyncio
import io
import json
import logging

import pytest

from reflectgen.corpus import ingest
from reflectgen.jobs.ledger import Leases
from reflectgen.jobs.registry import Registry
from reflectgen.logs import set_up_logs
from reflectgen.store import tasks
from tests.cli.background_server import background, good_answer
from tests.jobs.service_world import Service

TEXTS = [" ".join(f"s{d}{n} speaks calmly of boats and of gulls." for n in range(2)) for d in range(900)]
NUM_SHARDS = 4


@pytest.fixture
def service(tmp_path, any_store, monkeypatch):
    monkeypatch.setattr(ingest, "SHARD_BYTES", 1 << 16)
    made = Service(tmp_path, store=any_store)
    made.add_corpus(TEXTS)
    yield made
    made.worker.close()


@pytest.fixture
def log():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up_logs(stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers = before
    root.setLevel(level)


@pytest.fixture(params=["builtin", "far"])
def recipe(request, service):
    """Work that is done in batches here, and work that waits for calls."""
    if request.param == "builtin":
        yield "builtin"
        return

    async def answer(asked):
        await asyncio.sleep(0.005)
        return good_answer(asked)

    with background(answer) as server:
        endpoint = {"url": server.url, "model": "m", "concurrency": 16}
        service.registry = Registry.model_validate(
            {"endpoints": {"far": endpoint}, "recipes": {"far": {"teacher": {"use": ["far"]}}}}
        )
        yield "far"


def shards_of(service, job_id):
    rows = [row for row in service.tasks(job_id) if row.kind == "reflect"]
    assert len(rows) == NUM_SHARDS
    return rows


def planned(service, recipe):
    job_id = service.submit(recipe=recipe)
    service.deliver(1)
    return job_id


def corrupt(service, job_id, number):
    (path,) = (service.job_folder(job_id) / "corpus").glob(f"{number:05d}-*")
    path.write_bytes(b"PAR1" + bytes(100) + b"PAR1")


def test_each_shards_lines_in_the_log_carry_its_own_task_and_attempt(service, recipe, log):
    job_id = planned(service, recipe)
    service.deliver(1)
    lines = [line for line in log() if line.get("kind") == "reflect"]
    for said in ("begun", "reflected"):
        told = [
            (one["job"], one["task"], one["shard"], one["attempt"]) for one in lines if one["event"].startswith(said)
        ]
        assert sorted(told) == [(job_id, row.id, row.number, row.token) for row in shards_of(service, job_id)]


def test_a_shard_that_cannot_be_read_is_set_aside_alone_and_the_log_blames_no_other(service, recipe, log):
    job_id = planned(service, recipe)
    corrupt(service, job_id, 1)
    errors = set()
    for _ in range(10 * tasks.MAX_ATTEMPTS):
        service.alter_tasks(not_before=0.0)
        service.reconcile()
        if not service.deliver(20):
            break
        errors |= {row.number for row in shards_of(service, job_id) if row.error}
    states = {row.number: row.state for row in shards_of(service, job_id)}
    assert states == {0: "done", 1: "quarantined", 2: "done", 3: "done"}
    assert service.status(job_id) == "paused"
    assert errors == {1}
    blamed = [(line["shard"], line["attempt"]) for line in log() if line["level"] == "error" and "attempt" in line]
    assert blamed == [(1, attempt) for attempt in range(1, tasks.MAX_ATTEMPTS + 1)]


def test_what_is_committed_of_one_shard_forgives_no_attempt_at_another(service):
    job_id = planned(service, "builtin")
    leases = Leases(service.store, 60.0, lambda: None)
    first, second = (leases.claim(row.id) for row in shards_of(service, job_id)[:2])
    with leases.fenced.write():
        pass
    leases.note_progress(second)
    assert [row.num_attempts for row in shards_of(service, job_id)] == [1, 0, 0, 0]
    assert leases.claims == [first, second]
