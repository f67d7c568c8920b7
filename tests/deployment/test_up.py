"""`reflectgen up` and `down`, for real: the journey that the containers make, on one machine without them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from reflectgen.local.layout import Layout, Status
from reflectgen.local.supervisor import is_held
from tests.deployment.journey import assert_kept, travel
from tests.servers import free_port

pytestmark = [pytest.mark.timeout(600), pytest.mark.stack]
ROOT = Path(__file__).resolve().parents[2]
NUM_DOCUMENTS = 1_500
SECRET = "not-for-servers"


class Here:
    """A data folder with a service that is started and ended by commands, as a person would."""

    def __init__(self, folder):
        self.layout, self.port = Layout(folder / "data"), free_port()
        cleared = {name: value for name, value in os.environ.items() if not name.startswith("REFLECTGEN_")}
        # A task whose worker was killed is given to another after this, and not after a minute.
        self.environ = cleared | {"REFLECTGEN_TEACHER_API_KEY": SECRET, "REFLECTGEN_LEASE_SECONDS": "6"}

    def command(self, *arguments, **environ):
        line = [sys.executable, "-m", "reflectgen", *map(str, arguments)]
        return subprocess.run(
            line, env=self.environ | environ, capture_output=True, text=True, cwd=self.layout.data.parent
        )

    def up(self, *options, **environ):
        done = self.command("up", "--data", self.layout.data, "--port", self.port, *options, **environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def down(self):
        done = self.command("down", "--data", self.layout.data)
        assert done.returncode == 0, done.stderr

    def shell(self):
        """What a shell has that has read the file `environment`."""
        lines = f". {self.layout.environment}; env"
        printed = subprocess.run(["sh", "-c", lines], env={}, capture_output=True, text=True, check=True).stdout
        return dict(line.split("=", 1) for line in printed.splitlines())

    def key(self):
        made = self.command("keys", "create", "--name", "a traveller", **self.shell())
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    @property
    def parts(self):
        return Status.of(self.layout).parts

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def here():
    folder = Path(tempfile.mkdtemp(prefix="reflectgen-up-"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else where this runs as root
    made = Here(folder)
    yield made
    made.command("down", "--data", made.layout.data)
    shutil.rmtree(folder)


def descendants(process_id):
    found = subprocess.run(["pgrep", "--parent", str(process_id)], capture_output=True, text=True).stdout.split()
    return [int(line) for line in found] + [one for line in found for one in descendants(line)]


def test_the_journey_with_postgres_and_redis_a_dead_worker_and_a_redis_that_restarts(
    here, tmp_path, postgres_server, redis_server
):
    said = here.up()
    assert here.url in said and "note:" not in said
    assert list(here.parts) == ["postgres", "redis", "api", "worker-1", "worker-2", "beat"]
    key = here.key()

    def disturb():
        os.killpg(here.parts["worker-1"], signal.SIGKILL)
        os.kill(here.parts["redis"], signal.SIGTERM)

    journey = travel(here.url, key, tmp_path, NUM_DOCUMENTS, disturb)
    log = (here.layout.logs / "up.log").read_text()
    assert "worker-1 ended with -9" in log and "redis ended with 0" in log
    own = Status.of(here.layout).process_id
    running = [own, *descendants(own)]
    for name in ("postgres", "redis"):
        (process_id,) = [one for one in running if _command(one)[:1] and _is(one, name)][:1]
        assert SECRET not in Path(f"/proc/{process_id}/environ").read_text()
    secrets = json.loads((here.layout.stack / "choices.json").read_text())
    passwords = {secrets["postgres_password"], secrets["redis_password"]}
    assert not any(password in word for one in running for word in _command(one) for password in passwords)
    assert not any(password in path.read_text() for path in here.layout.logs.iterdir() for password in passwords)

    here.down()
    assert not [one for one in running if Path(f"/proc/{one}").exists() and _command(one)]
    here.up(**here.shell())  # from the shell that read the environment of the first
    assert_kept(here.url, key, journey, tmp_path / "again")


def _command(process_id):
    try:
        return Path(f"/proc/{process_id}/cmdline").read_text().split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _is(process_id, name):
    return Path(_command(process_id)[0]).name.startswith(name)


def test_the_journey_without_any_server_and_an_api_that_dies(here, tmp_path):
    said = here.up("--sqlite", "--inline")
    assert "note: the store is SQLite" in said and "note: the queue runs in the API's process" in said
    assert list(here.parts) == ["api"]
    key = here.key()
    journey = travel(here.url, key, tmp_path, 400, lambda: os.killpg(here.parts["api"], signal.SIGKILL))
    here.down()
    here.up("--inline")  # what the first chose holds: its jobs are in SQLite
    assert_kept(here.url, key, journey, tmp_path / "again")


def test_the_lines_of_the_readme_do_what_they_say(here):
    readme = (ROOT / "README.md").read_text()
    lines = [
        line.strip()
        for line in readme.partition("## A service")[2].partition("\n## ")[0].splitlines()
        if line[:4] == "    "
    ]
    assert lines[:3] == [lines[0], ". .venv/bin/activate", "reflectgen up"] and lines[-1] == "reflectgen down"
    script = "\n".join(["set -eu", f'reflectgen() {{ {sys.executable} -m reflectgen "$@"; }}', *lines[2:]])
    script = script.replace("reflectgen up", f"reflectgen up --port {here.port}").replace("reflectgen down", "")
    folder = here.layout.data.parent
    (folder / "examples").symlink_to(ROOT / "examples")
    environ = here.environ | {"PYTHONPATH": str(ROOT)}
    here.layout = Layout(folder / "reflectgen-data")  # which the fixture ends, whatever happens
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("verified: ")
    here.down()


def test_what_was_started_ends_when_the_one_that_watches_over_it_is_killed(here):
    here.up("--sqlite", "--inline")
    os.kill(Status.of(here.layout).process_id, signal.SIGKILL)
    give_up = time.monotonic() + 40
    while is_held(here.layout):
        assert time.monotonic() < give_up
        time.sleep(0.2)
    here.up("--sqlite", "--inline")


def test_the_first_up_shows_a_key_once_and_with_what_it_shows_a_job_is_submitted(here, tmp_path):
    said = here.up("--sqlite", "--inline")
    lines = [line.partition(": ")[2] for line in said.splitlines()[-3:]]
    assert lines[1].startswith("export REFLECTGEN_API_KEY=rg_")
    (tmp_path / "CORPUS.jsonl").write_text(json.dumps({"text": "One fine day."}) + "\n")
    script = "\n".join(lines).replace("reflectgen jobs", f"{sys.executable} -m reflectgen jobs")
    done = subprocess.run(
        ["sh", "-ec", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "completed"), done.stderr
    here.down()
    assert "rg_" not in here.up("--inline")
    assert "rg_" not in (here.layout.logs / "up.log").read_text()


def test_a_second_up_is_refused_and_a_second_down_does_nothing(here):
    here.up("--sqlite", "--inline")
    again = here.command("up", "--data", here.layout.data, "--port", here.port)
    assert again.returncode == 4 and "runs already; `reflectgen down` ends it" in again.stderr
    here.down()
    nothing = here.command("down", "--data", here.layout.data)
    assert nothing.returncode == 0 and "no service of" in nothing.stdout


def test_a_port_that_is_taken_is_said_in_one_line(here):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", here.port))
        taken.listen()
        done = here.command("up", "--data", here.layout.data, "--port", here.port, "--sqlite", "--inline")
    assert done.returncode == 4
    assert done.stderr.strip() == f"error: something listens on port {here.port} already; choose another with --port"
    assert not is_held(here.layout)


def test_jobs_in_postgres_are_not_left_behind_for_sqlite(here):
    here.layout.make()
    here.layout.keep(here.layout.choices(), "postgresql")
    done = here.command("up", "--data", here.layout.data, "--port", here.port, "--sqlite")
    assert done.returncode == 4 and "has its jobs in PostgreSQL" in done.stderr
