"""A whole job with one real server as guard and teacher, which is killed midway. Its verdicts are not looked at."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from reflectgen.cli import main
from reflectgen.llm.completion import CompletionRequest
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.llm.pool import open_pool
from reflectgen.records import Verdict
from reflectgen.settings import read_settings
from tests.cli.test_run import COMMAND
from tests.vllm.server import NOT_HERE, SUPERVISOR, URL, counted, server_process

NUM_CHUNKS = 100
KILLED_AFTER = 60  # answers, of guard and teacher together
MODEL = "smollm2-135m-instruct"

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not SUPERVISOR, reason=NOT_HERE),
]

RECIPE = f"""
[endpoints.small]
url = "{URL}"
concurrency = 32  # twice what the server answers at once: it is to say so
timeout_seconds = 300
key_variable = "REFLECTGEN_TEACHER_API_KEY"

[guard]
use = ["small"]
max_tokens = 40

[teacher]
use = ["small"]
max_tokens = 50  # few of its answers come to their end, which is of no account here, and the job takes half the time

[policy]
max_attempts = 1
"""


def test_more_questions_than_the_server_answers_at_once_lower_the_limit():
    """vLLM's own count of waiting requests is what says so: it refuses none of them."""
    most = 48
    options = EndpointOptions(url=URL, model=MODEL, concurrency=most, timeout_seconds=300)

    async def go():
        pool, _ = await open_pool([options], [read_settings().teacher_api_key])
        limits = [most]

        async def watch():
            while True:
                limits.append(pool.status.endpoints[0].limit)
                await asyncio.sleep(0.2)

        watching = asyncio.create_task(watch())
        try:
            answers = await asyncio.gather(*(pool.complete(question(n)) for n in range(most)))
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            await pool.close()
        return limits, answers

    limits, answers = asyncio.run(go())
    assert len(answers) == most
    assert 1 <= min(limits) < most


def question(number: int) -> CompletionRequest:
    content = f"Say something of river number {number}, which rises in the hills and reaches the sea."
    return CompletionRequest(({"role": "user", "content": content},), MODEL, seed=1, temperature=0.7, max_tokens=24)


def native_labels(store: Path) -> set[str]:
    """Return the guard's verdicts in its own words; a label that could not be read begins otherwise."""
    with contextlib.closing(sqlite3.connect(store)) as connection:
        return {
            native.split(":")[0].split(",")[0]
            for (native,) in connection.execute("SELECT guard_native FROM reflection")
        }


def test_a_job_finishes_by_itself_though_its_server_is_killed_midway(tmp_path):
    corpus, recipe, out = tmp_path / "corpus.jsonl", tmp_path / "recipe.toml", tmp_path / "out"
    text = "Chunk {0} tells of river {0}: it rises in the hills, turns {1} mills and reaches the sea after {2} miles."
    rows = ({"id": f"d{n}", "text": text.format(n, n + 2, 3 * n + 7)} for n in range(NUM_CHUNKS))
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe.write_text(RECIPE)
    before = counted("vllm:request_success_total")
    command = [*COMMAND, "run", str(corpus), "--out", str(out), "--recipe", str(recipe), "--json", "--quiet"]
    job = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        while counted("vllm:request_success_total") - before < KILLED_AFTER:
            assert job.poll() is None, "the job ended before its server was killed"
            time.sleep(1)
        killed = server_process()
        os.kill(killed, signal.SIGKILL)
        printed, _ = job.communicate()
    finally:
        job.kill()
        job.wait()
    assert job.returncode == 0
    assert server_process() != killed
    summary = json.loads(printed)
    assert summary["num_chunks"] == summary["num_reflections"] == NUM_CHUNKS
    assert summary["balanced"] is True
    assert sum(summary["roads"].values()) == NUM_CHUNKS
    assert main(["verify", str(out)]) == 0
    # Every chunk was asked of guard and teacher once; what was in flight when the server died, again.
    assert summary["num_replies"] == NUM_CHUNKS
    # The server that was started again was asked in batches, and kept the guard to its schema.
    assert counted("http_requests_total", 'handler="/v1/chat/completions/batch",method="POST",status="2xx"') > 0
    assert native_labels(out / "reflectgen.sqlite") <= {verdict.value for verdict in Verdict}
