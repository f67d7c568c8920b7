"""Private servers for tests, benchmarks and the fault harness: on free ports, in a temporary folder, gone afterwards.

with PostgresServer() as postgres:
    url = postgres.create_database()

`stop` ends a server in good order, `kill` as a crash would, and after `start` it is there again with what it kept.
"""

from __future__ import annotations

import getpass
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

WAIT_SECONDS = 60


class Missing(Exception):
    """The server's program is not on this machine."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server(ABC):
    """A program that serves on 127.0.0.1, its files in a folder of its own."""

    program: str
    quick_exit = signal.SIGKILL
    good_exit = signal.SIGTERM

    def __init__(self) -> None:
        self.port = free_port()
        self.password = "only-for-tests"
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """Where its data are; made on the first call."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=f"reflectgen-{self.program}-"))
            if user := self._user():
                shutil.chown(self._folder, user, user)
            self._prepare()
        return self._folder

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Return when it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, **self._as_user()
            )
        give_up = time.monotonic() + WAIT_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"{self.program} does not answer: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        self._end(self.good_exit)

    def kill(self) -> None:
        self._end(self.quick_exit)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(WAIT_SECONDS)
            self._process = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _user(self) -> str | None:
        """Whom it runs as, where not as whoever runs this."""
        return None

    def _as_user(self) -> dict[str, object]:
        user = self._user()
        return {"user": user, "group": user, "extra_groups": []} if user else {}

    def _prepare(self) -> None:  # noqa: B027  most need nothing
        """Make what it needs in its folder."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Return what starts it."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it does what it is there for."""


class PostgresServer(Server):
    """PostgreSQL. Nothing is synced to disk, so tests are quick: it survives a crash of its own, not the machine's.

    `settings` are those of postgresql.conf.
    """

    program = "postgres"
    good_exit = signal.SIGINT  # "fast": sessions are ended, nothing is left to recover
    quick_exit = signal.SIGQUIT  # "immediate": as a crash; the next start recovers

    def __init__(self, **settings: str) -> None:
        super().__init__()
        self._settings = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"} | settings
        self._numbers = itertools.count(1)
        self._programs = _postgres_programs()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://reflectgen:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, template: str = "template1") -> str:
        """Make a database, a copy of another that nobody is connected to, and return its address."""
        name = f"database_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database and end whoever is connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Run one statement as the superuser, outside a transaction."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _user(self) -> str | None:
        return "postgres" if os.geteuid() == 0 else None  # it refuses to run as root

    def _prepare(self) -> None:
        assert self._folder is not None
        secret = self._folder / "password"
        secret.write_text(self.password)
        if user := self._user():
            shutil.chown(secret, user, user)
        command = [self._programs / "initdb", "-D", self._folder / "data", "-U", "reflectgen", "--no-sync"]
        command += ["-E", "UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={secret}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder, **self._as_user())

    def _command(self) -> list[str]:
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        return [*command, *(part for name, value in self._settings.items() for part in ("-c", f"{name}={value}"))]

    def _answers(self) -> bool:
        import psycopg

        try:
            with psycopg.connect(self.url(), connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False


class RedisServer(Server):
    """Redis with an append-only file, as the service runs it."""

    program = "redis-server"

    def __init__(self) -> None:
        super().__init__()
        if shutil.which(self.program) is None:
            raise Missing("redis-server is not on this machine")

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def flush(self) -> None:
        """Forget everything."""
        import redis

        with redis.Redis.from_url(self.url()) as client:
            client.flushall()

    def _command(self) -> list[str]:
        command = [self.program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        command += ["--requirepass", self.password, "--save", "", "--appendonly", "yes"]
        return [*command, "--maxmemory-policy", "noeviction"]

    def _answers(self) -> bool:
        import redis

        try:
            with redis.Redis.from_url(self.url(), socket_connect_timeout=1, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def _postgres_programs() -> Path:
    """Return the folder of initdb and postgres; Debian keeps them off the PATH.

    Raises:
        Missing: they are not here, or may not be run as this user.
    """
    found = shutil.which("initdb")
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    if found is None and newest is None:
        raise Missing("PostgreSQL is not on this machine")
    if os.geteuid() == 0:
        import pwd

        try:
            pwd.getpwnam("postgres")
        except KeyError:
            raise Missing(f"PostgreSQL does not run as {getpass.getuser()}, and there is no user postgres") from None
    return newest.parent if newest is not None else Path(str(found)).parent
