"""Which parts make up the service on this machine, in the order in which they are started."""

from __future__ import annotations

import shlex
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from reflectgen.errors import OutputError
from reflectgen.jobs.registry import read_registry
from reflectgen.local.layout import Choices, Layout, is_free, write_private
from reflectgen.local.postgres import postgres_part, postgres_programs, why_not
from reflectgen.local.process import Part
from reflectgen.local.redis import redis_part, redis_program
from reflectgen.settings import PREFIX, ServiceSettings, read_service_settings
from reflectgen.train.extra import missing_library, needs_extra

WORK_QUEUES, TRAIN_QUEUE, CONTROL_QUEUE = "plan,reflect,export", "train", "control"
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")  # state and progress are in SQL
WORKER_STOP_SECONDS = 45.0  # more than the 20 s in which calls in flight end and the task is given back
TRAIN_STOP_SECONDS = 110.0  # more than the 90 s in which a step and its checkpoint end


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `reflectgen up` was asked for."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8080
    num_workers: int = 2
    sqlite: bool = False  # rather than PostgreSQL, where that is there too
    inline: bool = False  # the queue in the API's process, rather than Redis and workers


@dataclass(frozen=True, slots=True)
class Stack:
    """Servers come before the schema is brought up to date, the rest after."""

    servers: tuple[Part, ...]
    parts: tuple[Part, ...]
    environ: dict[str, str]  # of all parts, and of whoever migrates
    api_url: str
    notes: tuple[str, ...]  # what was done without, and why


def make_stack(wanted: Wanted, layout: Layout) -> Stack:
    """Return the stack; addresses that the environment gives are used as they are, and nothing is started for them.

    Raises:
        OutputError: a server's files cannot be made or used, or the port is taken.
        RecipeError: the environment has a value that it cannot have.
    """
    if not is_free(wanted.port):
        raise OutputError(f"something listens on port {wanted.port} already; choose another with --port")
    settings = read_service_settings()
    choices = layout.choices()
    # Who has read the file `environment` into the shell gives back what an `up` before this made.
    given = {
        "DATABASE_URL": _foreign(settings.database_url, choices.postgres_password),
        "REDIS_URL": _foreign(settings.redis_url, choices.redis_password),
    }
    notes: list[str] = []
    servers: list[Part] = []
    environ = {PREFIX + "DATA": str(layout.data)}
    if given["DATABASE_URL"] is None:
        programs, problem = _postgres(wanted, layout, choices)
        if programs is not None:
            part, environ[PREFIX + "DATABASE_URL"] = postgres_part(programs, layout, choices)
            servers.append(part)
        else:
            environ[PREFIX + "DATABASE_URL"] = ""
            notes.append(f"the store is SQLite{f': {problem}' if problem else ''}")
    program = None if wanted.inline or given["REDIS_URL"] else redis_program()
    if program is not None:
        part, environ[PREFIX + "REDIS_URL"] = redis_part(program, layout, choices)
        servers.append(part)
    has_queue = program is not None or (given["REDIS_URL"] is not None and not wanted.inline)
    if not has_queue:
        environ[PREFIX + "REDIS_URL"] = ""
        notes.append("the queue runs in the API's process, which does the work itself")
    environ |= _paths(settings)
    if "*" not in settings.allowed_hosts:  # whoever asks whether it is ready, asks on this machine
        environ[PREFIX + "ALLOWED_HOSTS"] = ",".join((*settings.allowed_hosts, "127.0.0.1"))
    api_url = f"http://{'127.0.0.1' if wanted.host in ('0.0.0.0', '::') else wanted.host}:{wanted.port}"  # noqa: S104
    _write_environment(layout, {**environ, PREFIX + "API_URL": api_url})
    trains = _trains(settings, notes)
    workers = _workers(wanted, layout, trains=trains) if has_queue else ()
    return Stack(tuple(servers), (_api(wanted, layout, api_url), *workers), environ, api_url, tuple(notes))


def _foreign(url: SecretStr | None, own_password: str) -> str | None:
    """Return an address that leads to no server of ours."""
    value = url.get_secret_value() if url else ""
    return None if not value or f":{own_password}@127.0.0.1:" in value else value


def _postgres(wanted: Wanted, layout: Layout, choices: Choices) -> tuple[Path | None, str]:
    """Return PostgreSQL's programs if it is to be used, else why not; what the first `up` chose holds for all later.

    Raises:
        OutputError: it was chosen, and cannot be used now.
    """
    kept = choices.database
    if kept == "sqlite" or (kept is None and wanted.sqlite):
        layout.keep(choices, "sqlite")
        return None, ""
    if kept == "postgresql" and wanted.sqlite:
        raise OutputError(f"{layout.data} has its jobs in PostgreSQL; for SQLite give another folder with --data")
    programs = postgres_programs(layout)
    problem = why_not(layout) if programs is not None else "PostgreSQL is not on this machine"
    if problem and kept == "postgresql":
        raise OutputError(f"{layout.data} has its jobs in PostgreSQL, but {problem}")
    layout.keep(choices, "sqlite" if problem else "postgresql")
    return (None if problem else programs), problem


def _paths(settings: ServiceSettings) -> dict[str, str]:
    """Return the paths that the environment gives as the parts need them, which run in another folder."""
    paths = {}
    if settings.registry:
        paths[PREFIX + "REGISTRY"] = str(settings.registry.absolute())
    if settings.corpus_roots:
        paths[PREFIX + "CORPUS_ROOTS"] = ":".join(str(root.absolute()) for root in settings.corpus_roots)
    return paths


def _write_environment(layout: Layout, environ: dict[str, str]) -> None:
    """Write what was made here; what the environment gave, the keys of models among it, is not copied to a disk."""
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in environ.items())
    write_private(layout.environment, "".join(lines))


def _api(wanted: Wanted, layout: Layout, api_url: str) -> Part:
    command = [sys.executable, "-m", "reflectgen", "api", "--host", wanted.host, "--port", str(wanted.port)]
    environ = {"TMPDIR": str(layout.scratch("api"))}
    return Part(
        "api", command, lambda _started_at: _is_ready(f"{api_url}/readyz"), environ, stop_seconds=WORKER_STOP_SECONDS
    )


def _trains(settings: ServiceSettings, notes: list[str]) -> bool:
    """Whether there are trainings to offer, and what they need.

    Raises:
        RecipeError: the registry cannot be used.
    """
    if not read_registry(settings.registry).trainings:
        return False
    library = missing_library()
    if library is not None:
        notes.append(f"no training is done here: {needs_extra(library)}")
    return library is None


def _workers(wanted: Wanted, layout: Layout, *, trains: bool) -> tuple[Part, ...]:
    work = ["--queues", WORK_QUEUES, "--concurrency", "1"]
    control = ["--beat", "--pool", "solo", "--queues", CONTROL_QUEUE]
    names = [f"worker-{number}" for number in range(1, wanted.num_workers + 1)]
    made = [_celery(name, work, "worker", layout) for name in names]
    if trains:
        training = ["--queues", TRAIN_QUEUE, "--concurrency", "1"]
        made.append(_celery("train", training, "worker", layout, stop_seconds=TRAIN_STOP_SECONDS))
    return (*made, _celery("beat", control, "beat", layout))


def _celery(
    name: str, options: list[str], alive: str, layout: Layout, *, stop_seconds: float = WORKER_STOP_SECONDS
) -> Part:
    folder = layout.scratch(name)
    command = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", *options, *QUIET]
    if alive == "beat":
        command += ["--schedule", str(folder / "schedule")]
    file = folder / f"reflectgen-{alive}.alive"  # workers/health.py says where and when it is touched

    def is_ready(started_at: float) -> bool:
        return file.exists() and file.stat().st_mtime >= started_at

    environ = {"TMPDIR": str(folder)}
    return Part(name, [*command, "--hostname", f"{name}@%h"], is_ready, environ, stop_seconds=stop_seconds)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
