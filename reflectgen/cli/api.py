"""`reflectgen api`: serve the job API; without Redis the same process does the work, too."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Annotated, NoReturn

import typer

from reflectgen.errors import RecipeError
from reflectgen.settings import read_service_settings


def api(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8080,
) -> None:
    """Serve the job API; where everything is comes from the environment, as REFLECTGEN_DATA and others."""
    try:
        import uvicorn

        from reflectgen.api.app import create_app
        from reflectgen.logs import set_up_logs
    except ImportError as error:
        raise RecipeError(f"the service needs {error.name}: pip install 'reflectgen[service]'") from error
    from reflectgen.jobs.inline import queue_of
    from reflectgen.store import Store
    from reflectgen.traces import traces_of

    settings = read_service_settings()
    settings.data.mkdir(parents=True, exist_ok=True)
    set_up_logs()
    # The server gives a signal back when it has ended, and what ends a process outright would end no block of ours.
    signal.signal(signal.SIGTERM, _go)
    with (
        traces_of("reflectgen-api"),
        Store.at(settings.database.get_secret_value()) as store,
        queue_of(settings, store) as queue,
    ):
        app = create_app(settings, store, queue)
        # Readers of event streams must not keep a process that is told to go.
        uvicorn.run(app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=5)


def _go(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whoever asks again does not want to wait
    raise SystemExit(0)
