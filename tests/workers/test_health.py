"""Who is well, as containers ask, and workers that say so."""

import http.server
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from reflectgen.store import Store
from workers import health

PARTS = {
    "worker": ("--queues", "plan,reflect,export", "--concurrency", "1"),
    "beat": ("--beat", "--pool", "solo", "--queues", "control"),
}
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(health.tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def answering(status):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"database: does not answer")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/readyz"
        server.shutdown()


def test_a_worker_is_well_while_its_file_is_young(temporary):
    health.touch("worker")
    assert health.problem("worker", now=time.time()) == ""
    assert "no progress for" in health.problem("worker", now=time.time() + health.MAX_AGE_SECONDS + 1)


def test_a_worker_that_never_began_is_not_well(temporary):
    assert "no progress yet" in health.problem("worker", now=time.time())


def test_the_api_is_well_when_it_is_ready(temporary):
    with answering(200) as url:
        assert health.problem("api", now=0, url=url) == ""
    with answering(503) as url:
        assert "answered 503: database: does not answer" in health.problem("api", now=0, url=url)
    assert "does not answer" in health.problem("api", now=0, url=url)


def test_without_a_name_it_is_whoever_runs_here(temporary):
    assert health.parts_here() == ["api"]
    health.touch("beat")
    assert health.parts_here() == ["beat"]


def test_the_command_ends_with_1_where_something_is_wrong(temporary, capsys):
    assert health.main(["worker"]) == 1
    assert health.main(["somebody"]) == 1
    health.touch("worker")
    assert health.main(["worker"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "well"


def test_asking_brings_in_nothing_heavy():
    code = "import sys, workers.health; print([m for m in ('celery', 'sqlalchemy', 'pydantic') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize("part", PARTS)
def test_a_real_worker_says_that_it_is_alive_and_ends_when_told(part, tmp_path, redis_url):
    database = f"sqlite:///{tmp_path / 'a.sqlite'}"
    Store.at(database).migrate()
    environ = os.environ | {
        "REFLECTGEN_DATABASE_URL": database,
        "REFLECTGEN_REDIS_URL": redis_url,
        "REFLECTGEN_DATA": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", *PARTS[part], *QUIET]
    if part == "beat":
        command += ["--schedule", str(tmp_path / "schedule")]
    worker = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        check = [sys.executable, "-m", "workers.health", part]
        give_up = time.monotonic() + 60
        while subprocess.run(check, env=environ, capture_output=True).returncode:
            assert worker.poll() is None and time.monotonic() < give_up, worker.stderr.read()
            time.sleep(0.3)
        worker.terminate()
        worker.wait(40)
    finally:
        worker.kill()
        worker.communicate()
