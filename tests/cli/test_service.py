"""`reflectgen api`, `keys` and `jobs` as people use them: a real process, and the work done in it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reflectgen.client import Client
from reflectgen.export.manifest import read_manifest
from reflectgen.store import Store, jobs, tasks
from reflectgen.store.counts import count_job
from tests.cli.background_server import background, good_answer, is_question, passage
from tests.jobs.worlds import varied, write_corpus
from tests.llm.fault_server import Asked
from tests.servers import free_port

Run = Callable[..., subprocess.CompletedProcess[str]]
MAIN = [sys.executable, "-c", "import sys; from reflectgen.cli import main; sys.exit(main())"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("REFLECTGEN_")}
    environ |= {"REFLECTGEN_DATA": str(tmp_path / "data")}

    def run_command(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*MAIN, *arguments], env=environ | more, capture_output=True, text=True, timeout=100)

    run_command.environ = environ
    return run_command


@contextmanager
def serving_api(run: Run, **more: str) -> Iterator[str]:
    """Serve until the block ends, as a process that ends in good order when it is told to."""
    port = free_port()
    environ = run.environ | more
    process = subprocess.Popen([*MAIN, "api", "--port", str(port)], env=environ, stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    give_up = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=1).close()
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < give_up
            time.sleep(0.1)
    yield url
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert all(json.loads(line)["event"] for line in log.splitlines())


@pytest.fixture
def api(run: Run) -> Iterator[str]:
    with serving_api(run) as url:
        yield url


def test_an_api_that_does_the_work_itself_keeps_the_answers_in_flight_when_it_is_told_to_go(
    run: Run, tmp_path: Path
) -> None:
    async def slow_answer(asked: Asked) -> bytes:
        await asyncio.sleep(0.4 if is_question(asked) else 0)
        return good_answer(asked)

    key = run("keys", "create", "--name", "me", "--scope", "read", "--scope", "submit").stdout.strip()
    corpus = write_corpus(tmp_path / "c.jsonl", [f"Chunk s{n} speaks calmly of boats and of gulls." for n in range(60)])
    with background(slow_answer) as teacher:
        registry = tmp_path / "registry.toml"
        registry.write_text(
            f'[endpoints.slow]\nurl = "{teacher.url}"\nconcurrency = 4\n'
            '[recipes.slow]\nteacher = {use = ["slow"]}\npolicy = {ask = "all"}\n'
        )
        with serving_api(run, REFLECTGEN_REGISTRY=str(registry)) as url, Client(url, key) as client:
            job = client.submit(client.upload(corpus).id, recipe="slow")
            give_up = time.monotonic() + 60
            while sum(map(is_question, teacher.asked)) < 10:
                assert time.monotonic() < give_up, client.job(job.id)
                time.sleep(0.05)
        questions = [passage(asked) for asked in teacher.asked if is_question(asked)]
    with Store.at(f"sqlite:///{tmp_path / 'data' / 'reflectgen.sqlite'}") as store, store.read() as connection:
        found = jobs.find(connection, job.id)
        assert found is not None
        assert {state for _, state in tasks.counts(connection, found.id)} == {"ready", "done"}
        kept = count_job(connection, found.id).num_replies
    assert kept == len(questions) == len(set(questions)) < 60


@pytest.mark.timeout(400)  # fifteen processes begin, one after the other
def test_a_job_is_submitted_watched_exported_and_deleted(run: Run, api: str, tmp_path: Path) -> None:
    made = run("keys", "create", "--name", "me", "--scope", "read", "--scope", "submit")
    key = made.stdout.strip()
    assert (key.startswith("rg_"), "not shown again" in made.stderr) == (True, True)
    here = {"REFLECTGEN_API_URL": api, "REFLECTGEN_API_KEY": key}
    corpus = write_corpus(tmp_path / "c.jsonl", [f"{varied(str(n))} It ended." for n in range(20)])

    submitted = run("jobs", "submit", str(corpus), "--format", "jsonl", "--metadata", "team=a", "--watch", **here)
    assert submitted.returncode == 0, submitted.stderr
    assert submitted.stdout.splitlines()[-1] == "completed"
    job_id = submitted.stderr.splitlines()[0]

    (listed,) = run("jobs", "list", "--json", **here).stdout.splitlines()
    assert (json.loads(listed)["id"], json.loads(listed)["metadata"]) == (job_id, {"team": "a"})
    assert run("jobs", "export", job_id, "--out", str(tmp_path / "out"), **here).returncode == 0
    assert run("verify", str(tmp_path / "out")).returncode == 0

    ended = run("jobs", "export", job_id, "--out", str(tmp_path / "raw"), "--arm", "raw", **here)
    assert (ended.returncode, read_manifest(tmp_path / "raw").arm.name) == (0, "raw"), ended.stderr
    assert run("jobs", "export", job_id, "--out", str(tmp_path / "again"), **here).returncode == 0
    assert read_manifest(tmp_path / "again").arm.name == "srp"  # the newest is an arm, and no corpus to train on
    refused = run("jobs", "export", job_id, "--out", str(tmp_path / "none"), "--format", "tokens", **here)
    assert (refused.returncode, refused.stderr.count("\n")) == (3, 1)
    assert "needs a tokenizer" in refused.stderr

    archived = run("jobs", "archive", job_id, "--json", **here)
    assert sum(json.loads(archived.stdout)["ledger"]["tasks"]["archive"].values()) == 1
    refused = run("jobs", "cancel", job_id, **here)
    assert (refused.returncode, refused.stderr.count("\n")) == (6, 1)
    assert run("jobs", "delete", job_id, "--yes", **here).returncode == 0
    gone = run("jobs", "show", job_id, **here)
    assert (gone.returncode, gone.stderr) == (3, f"error: there is no job {job_id}\n")

    assert key.split("_", 2)[2] not in run("keys", "list", "--json").stdout
    assert run("keys", "revoke", key.split("_")[1]).returncode == 0
    time.sleep(2.1)
    assert run("jobs", "list", **here).returncode == 6


def test_what_is_wrong_is_said_in_one_line(run: Run) -> None:
    nobody = {"REFLECTGEN_API_URL": f"http://127.0.0.1:{free_port()}", "REFLECTGEN_API_KEY": "rg_x"}
    for arguments, environ, code in (
        (("jobs", "list"), {}, 6),
        (("jobs", "cancel", "job_1"), nobody, 4),
        (("jobs", "submit", "none.jsonl"), nobody, 3),
        (("keys", "revoke", "0123456789abcdef"), {}, 3),
    ):
        ended = run(*arguments, **environ)
        assert (ended.returncode, ended.stderr.count("\n"), ended.stderr[:7]) == (code, 1, "error: "), ended.stderr
