"""The compose file, for real: images are built, containers come up, die, restart and end, and nothing is lost.

`make test-compose` runs it; it needs a Docker engine and the base images that the files name.
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.deployment.journey import assert_kept, travel
from tests.servers import free_port

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]
ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("reflectgen", "workers", "prompts", "scripts", "deploy", "examples")
FILES = (
    "Dockerfile",
    ".dockerignore",
    "docker-compose.yml",
    "pyproject.toml",
    "constraints.txt",
    "README.md",
    "LICENSE",
)
NUM_DOCUMENTS = 3_000
HEALTHY_SECONDS = 300
STATES = {"postgres": 1, "redis": 1, "api": 1, "worker": 2, "beat": 1}
HEALTH_CHECKS = ("pg_isready", "redis-cli")


class Stack:
    """A copy of what the image is built from, with `.env.example` as its `.env`, and the containers that come of it."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        for name in FOLDERS:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(ROOT / name, folder / name)
        shutil.copy(ROOT / ".env.example", folder / ".env")
        self.project = f"reflectgen-test-{os.getpid()}"
        # What is in the environment wins over .env: only what keeps this run apart from others.
        cleared = {name: value for name, value in os.environ.items() if not name.startswith("REFLECTGEN_")}
        names = {
            "COMPOSE_PROJECT_NAME": self.project,
            "API_PORT": str(self.port),
            "REFLECTGEN_IMAGE": "reflectgen:test",
        }
        self.environ = cleared | names | {"COMPOSE_HTTP_TIMEOUT": "300", "DOCKER_BUILDKIT": "0"}
        v1 = shutil.which("docker-compose")
        self._compose = [v1] if v1 else ["docker", "compose"]

    def compose(self, *arguments):
        done = subprocess.run(
            [*self._compose, *arguments], cwd=self.folder, env=self.environ, capture_output=True, text=True
        )
        assert done.returncode == 0, f"compose {' '.join(arguments)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout.strip()

    def up(self):
        self.compose("up", "-d", "--scale", "worker=2")
        give_up = time.monotonic() + HEALTHY_SECONDS
        while any(set(states) != {"healthy"} for states in self.health().values()):
            assert time.monotonic() < give_up, f"{self.health()}\n{self.compose('logs', '--tail', '30')}"
            time.sleep(1)

    def containers(self, service):
        return self.compose("ps", "-q", service).split()

    def health(self):
        found = {}
        for service in STATES:
            states = [inspect(one)["State"] for one in self.containers(service)]
            found[service] = [state.get("Health", {}).get("Status", state["Status"]) for state in states]
        return found

    def inside(self, service, *command):
        """Run a command in a service's first container and return what it printed."""
        return self.compose("exec", "-T", service, *command)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


def docker(*arguments, check=True):
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stderr
    return done


def inspect(name):
    return json.loads(docker("inspect", name).stdout)[0]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    made = Stack(tmp_path_factory.mktemp("compose"))
    made.compose("build", "migrate")
    try:
        made.up()
        yield made
    finally:
        print(made.compose("logs", "--tail", "15", "--no-color"))
        made.compose("down", "--volumes", "--remove-orphans")


@pytest.fixture(scope="module")
def key(stack):
    return stack.inside("api", "reflectgen", "keys", "create", "--name", "a traveller")


def test_everything_comes_up_healthy_from_nothing(stack):
    assert {service: len(states) for service, states in stack.health().items()} == STATES
    (migrate,) = stack.containers("migrate")
    assert inspect(migrate)["State"]["ExitCode"] == 0


def test_the_journey_with_a_dead_worker_and_a_redis_that_restarts_and_down_and_up_keep_everything(stack, key, tmp_path):
    def disturb():
        docker("kill", stack.containers("worker")[0])
        stack.compose("restart", "redis")

    began = time.monotonic()
    journey = travel(stack.url, key, tmp_path, NUM_DOCUMENTS, disturb)
    print(f"the journey of {NUM_DOCUMENTS} documents took {time.monotonic() - began:.0f} s")
    stack.compose("down")
    assert not any(stack.containers(service) for service in STATES)
    stack.up()
    assert_kept(stack.url, key, journey, tmp_path / "again")


@pytest.mark.parametrize("service", STATES)
def test_nobody_runs_as_root(stack, service):
    for container in stack.containers(service):
        status = docker("exec", container, "cat", "/proc/1/status").stdout
        (ids,) = [line.split()[1:] for line in status.splitlines() if line.startswith("Uid:")]
        assert "0" not in ids
        users = docker("top", container, "-eo", "pid,uid,args").stdout.splitlines()[1:]
        # Docker runs a health check as the user that the container begins with; it is gone at once.
        lasting = [line for line in users if not any(check in line for check in HEALTH_CHECKS)]
        assert not [line for line in lasting if line.split()[1] == "0"]


@pytest.mark.parametrize("service", ["api", "worker", "beat"])
def test_our_containers_write_to_the_shared_volume_and_nowhere_else(stack, service):
    (first, *_) = stack.containers(service)
    assert docker("exec", first, "id", "-u").stdout.strip() == "10001"
    for place in ("/opt/reflectgen", "/etc", "/home"):
        refused = docker("exec", first, "touch", f"{place}/probe", check=False)
        assert "Read-only file system" in refused.stderr
    docker("exec", first, "sh", "-c", "touch /data/probe && rm /data/probe && touch /tmp/probe")
    assert inspect(first)["HostConfig"]["CapDrop"] == ["ALL"]


def test_api_and_grafana_alone_are_published_and_on_loopback(stack):
    published = {}
    for service in STATES:
        for container in stack.containers(service):
            for ports in inspect(container)["NetworkSettings"]["Ports"].values():
                for port in ports or ():
                    published.setdefault(service, []).append((port["HostIp"], port["HostPort"]))
    assert published == {"api": [("127.0.0.1", str(stack.port))]}


@pytest.mark.parametrize(("service", "port"), [("postgres", 5432), ("redis", 6379)])
def test_neither_database_nor_queue_is_reached_from_another_network(stack, service, port):
    (container,) = stack.containers(service)
    (network,) = inspect(container)["NetworkSettings"]["Networks"].values()
    reach = (
        "import socket, sys\n"
        "try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)\n"
        "except OSError: print('out of reach')\n"
        "else: print('reached')"
    )
    image = ["run", "--rm", "--network", f"{stack.project}_outside", "reflectgen:test", "python", "-c", reach]
    for name in (service, network["IPAddress"]):
        assert docker(*image, name, str(port)).stdout.strip() == "out of reach"
    assert stack.inside("api", "python", "-c", reach, service, str(port)) == "reached"  # the test itself can fail


def test_redis_and_postgres_refuse_who_has_no_password(stack):
    ask = "import redis\ntry: redis.Redis('redis').ping()\nexcept redis.AuthenticationError: print('refused')"
    assert stack.inside("worker", "python", "-c", ask) == "refused"
    ask = (
        "import psycopg\n"
        "try: psycopg.connect('postgresql://reflectgen:wrong@postgres/reflectgen')\n"
        "except psycopg.OperationalError as error: print('refused' if 'authentication failed' in str(error) else error)"
    )
    assert stack.inside("worker", "python", "-c", ask) == "refused"


def test_no_list_of_processes_shows_a_password(stack):
    password = "change-me"
    for service in STATES:
        for container in stack.containers(service):
            assert password not in docker("top", container, "-eo", "pid,args").stdout
