"""`reflectgen api`, `keys` and `jobs` as people use them: a real process, and the work done in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.worlds import varied, write_corpus
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


@pytest.fixture
def api(run: Run) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([*MAIN, "api", "--port", str(port)], env=run.environ, stderr=subprocess.PIPE)
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
    _, log = process.communicate(timeout=30)
    assert process.returncode in (0, -signal.SIGTERM)
    assert all(json.loads(line)["event"] for line in log.splitlines())


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
