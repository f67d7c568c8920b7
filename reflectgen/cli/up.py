"""`reflectgen up` and `down`: the service on this machine, without containers."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reflectgen.errors import OutputError, RecipeError
from reflectgen.local.layout import Layout, Status
from reflectgen.local.stack import Wanted
from reflectgen.local.supervisor import MIGRATE_SECONDS, READY_SECONDS, STOP_SECONDS, Supervisor, is_held
from reflectgen.settings import read_service_settings
from reflectgen.store import Store

POLL_SECONDS = 0.2
OF_YOUR_OWN = "$(reflectgen keys create --name me)"

Data = Annotated[
    Path | None, typer.Option("--data", help="Where everything is kept; REFLECTGEN_DATA, else reflectgen-data.")
]


def up(
    data: Data = None,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Worker processes, where there is a Redis.")] = 2,
    sqlite: Annotated[bool, typer.Option("--sqlite", help="SQLite, though PostgreSQL is here, too.")] = False,
    inline: Annotated[bool, typer.Option("--inline", help="Work in the API's process, without Redis.")] = False,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay until told to go, as under systemd.")] = False,
) -> None:
    """Start the service, with a private PostgreSQL and Redis where they are installed, and return when it answers."""
    _needs_the_service()
    layout = _layout(data)
    wanted = Wanted(layout.data, host, port, workers, sqlite, inline)
    if foreground:
        raise typer.Exit(Supervisor(wanted).run())
    if is_held(layout):
        raise OutputError(f"the service of {layout.data} runs already; `reflectgen down` ends it")
    layout.make()
    status = _wait_until_ready(layout, _start(wanted, layout))
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for note in status.notes:
        console.print(f"note: {note}")
    console.print(f"ready at {status.url}; parts: {', '.join(status.parts)}; logs in {layout.logs}")
    console.print(f"commands in this shell find it after: . {shlex.quote(str(layout.environment))}")
    console.print(f"and with a key: export REFLECTGEN_API_KEY={_first_key(layout) or OF_YOUR_OWN}")
    console.print("then: reflectgen jobs submit CORPUS.jsonl --watch")


def down(data: Data = None) -> None:
    """End the service of `up`; calls in flight are answered and kept. Everything is there again after the next `up`."""
    layout = _layout(data)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if not is_held(layout):
        console.print(f"no service of {layout.data} runs")
        return
    status = Status.of(layout)
    if status is not None:
        _signal(status.process_id)
    give_up = time.monotonic() + STOP_SECONDS
    while is_held(layout):
        if time.monotonic() > give_up:
            raise OutputError(f"the service of {layout.data} has not ended after {STOP_SECONDS:g} s; see {layout.logs}")
        time.sleep(POLL_SECONDS)
    console.print(f"ended; {layout.data} keeps everything")


def _first_key(layout: Layout) -> str | None:
    """Make the first key of a new service, which may do everything and is shown this once; None: there was one."""
    from reflectgen.cli.keys import first_key

    settings = read_service_settings(layout.variables())
    with Store.at(settings.database.get_secret_value(), migrates=False) as store:
        return first_key(store)


def _layout(data: Path | None) -> Layout:
    return Layout((data or read_service_settings().data).absolute())


def _needs_the_service() -> None:
    try:
        import celery  # noqa: F401
        import psycopg  # noqa: F401
        import redis  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise RecipeError(f"the service needs {error.name}: pip install 'reflectgen[service]'") from error


def _start(wanted: Wanted, layout: Layout) -> subprocess.Popen[bytes]:
    """Start the same command in the foreground of a session of its own."""
    command = [sys.executable, "-P", "-m", "reflectgen", "up", "--foreground", "--data", str(layout.data)]
    command += ["--host", wanted.host, "--port", str(wanted.port), "--workers", str(wanted.num_workers)]
    command += [flag for flag, is_on in (("--sqlite", wanted.sqlite), ("--inline", wanted.inline)) if is_on]
    layout.status.unlink(missing_ok=True)
    with (layout.logs / "up.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _wait_until_ready(layout: Layout, process: subprocess.Popen[bytes]) -> Status:
    """Return how it goes once it is ready; a Ctrl-C meanwhile ends what was started."""
    give_up = time.monotonic() + 2 * READY_SECONDS + MIGRATE_SECONDS
    try:
        while time.monotonic() < give_up:
            status = Status.of(layout)
            if status is not None and status.state == "ready":
                return status
            if process.poll() is not None:
                problem = status.problem if status is not None else ""
                raise OutputError(problem or f"the service did not start; see {layout.logs / 'up.log'}")
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    raise OutputError(f"the service is not ready; see {layout.logs}")


def _signal(process_id: int) -> None:
    try:
        os.kill(process_id, signal.SIGTERM)
    except ProcessLookupError:  # what it started was told by the system, and ends
        return
    except PermissionError:
        raise OutputError("it belongs to somebody else; run `down` as who ran `up`") from None
