import asyncio
import json
import os
import signal
import socket
import sys
import urllib.request
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from reflectgen.errors import TeacherError
from reflectgen.llm.vllm_server import Patience, VllmServer
from tests.llm import fake_vllm

QUICK = Patience(
    quick_seconds=600,
    first_wait_seconds=0.01,
    unhealthy_seconds=0.5,
    health_seconds=0.2,
    stop_seconds=0.5,
    poll_seconds=0.02,
)
LONG = 30.0  # seconds that nothing here takes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_running(pid: int) -> bool:
    """A process that has ended but that nobody has waited for (a zombie) does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Supervised:
    """A server under supervision, and what a test needs to see of it."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.starts_file = folder / "starts"
        self.port = free_port()
        self.events: list[str] = []
        self.output = b""
        self.stop = asyncio.Event()
        self._ready = asyncio.Semaphore(0)
        self._server = VllmServer(
            [sys.executable, fake_vllm.__file__, "--port", str(self.port)],
            "0.0.0.0",
            self.port,
            environ=os.environ | {"FAKE_VLLM_STARTS": str(self.starts_file)} | environ,
            on_ready=self._ready.release,
            on_output=self._keep,
            on_event=self.events.append,
            patience=QUICK,
        )

    def _keep(self, piece: bytes) -> None:
        self.output += piece

    async def run(self) -> None:
        await asyncio.wait_for(self._server.run(self.stop), LONG)

    async def ready(self) -> dict:
        """Wait until it is ready for the next time, and return how it was started."""
        await asyncio.wait_for(self._ready.acquire(), LONG)
        return self.starts[-1]

    async def get(self, path: str) -> None:
        """Ask it for `path`, which it may not answer."""

        def ask() -> None:
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=0.2)

        await asyncio.to_thread(ask)

    @property
    def starts(self) -> list[dict]:
        return [json.loads(line) for line in self.starts_file.read_text().splitlines()]

    async def gone(self, starts: slice = slice(None)) -> None:
        """Wait until no process of these starts runs; that of one that was just killed takes a moment."""
        async with asyncio.timeout(LONG):
            for pid in (start[who] for start in self.starts[starts] for who in ("pid", "child")):
                while is_running(pid):  # noqa: ASYNC110 - another program's end is no event of ours
                    await asyncio.sleep(0.01)


@asynccontextmanager
async def supervised(folder: Path, **environ: str):
    server = Supervised(folder, **environ)
    running = asyncio.create_task(server.run())
    try:
        yield server
    finally:
        server.stop.set()
        await running
        await server.gone()


def test_it_becomes_ready_and_ends_with_all_its_processes_when_told_to(tmp_path):
    async def go():
        async with supervised(tmp_path) as server:
            start = await server.ready()
            assert is_running(start["child"])
            assert b"INFO loading" in server.output
        assert len(server.starts) == 1

    asyncio.run(go())


@pytest.mark.parametrize("end", ["by itself", "killed"])
def test_a_server_that_dies_is_started_again_and_leaves_no_child_behind(end, tmp_path):
    async def go():
        async with supervised(tmp_path) as server:
            first = await server.ready()
            if end == "killed":
                os.kill(first["pid"], signal.SIGKILL)
            else:
                await server.get("/die")
            second = await server.ready()
            assert second["pid"] != first["pid"]
            await server.gone(slice(1))
        (event,) = server.events
        assert ("SIGKILL" if end == "killed" else "exit code 9, after it had said: ValueError: somebody") in event

    asyncio.run(go())


def test_a_server_that_hangs_is_started_again(tmp_path):
    async def go():
        async with supervised(tmp_path) as server:
            await server.ready()
            await server.get("/hang")
            await server.ready()
            await server.gone(slice(1))
        assert any("/health" in event for event in server.events)

    asyncio.run(go())


def test_a_server_that_was_never_ready_is_not_started_again_and_its_first_error_is_told(tmp_path):
    async def go():
        server = Supervised(tmp_path, FAKE_VLLM_FAILS_FROM="1")
        with pytest.raises(TeacherError, match=r"did not get ready: .*exit code 1.*ValueError: no room") as raised:
            await server.run()
        assert "\n" not in str(raised.value)
        assert len(server.starts) == 1
        await server.gone()

    asyncio.run(go())


def test_a_server_that_dies_again_and_again_is_given_up_with_its_last_words(tmp_path):
    async def go():
        server = Supervised(tmp_path, FAKE_VLLM_FAILS_FROM="2")
        running = asyncio.create_task(server.run())
        await server.ready()
        await server.get("/die")
        with pytest.raises(TeacherError, match=r"died 3 times in a row, .*ValueError: no room"):
            await running
        assert len(server.starts) == 3
        await server.gone()

    asyncio.run(go())


def test_a_taken_port_is_said_and_nothing_is_started(tmp_path):
    async def go():
        server = Supervised(tmp_path)
        other = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", server.port)
        async with other:
            with pytest.raises(TeacherError, match=f"something listens on port {server.port}"):
                await server.run()
        assert not server.starts_file.exists()

    asyncio.run(go())


def test_who_cannot_wait_cancels_and_it_is_killed(tmp_path):
    async def go():
        server = Supervised(tmp_path)
        running = asyncio.create_task(server.run())
        await server.ready()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await server.gone()

    asyncio.run(go())


def test_a_command_that_is_none_is_named(tmp_path):
    server = VllmServer([str(tmp_path / "vllm")], "127.0.0.1", free_port())
    with pytest.raises(TeacherError, match="cannot be run: no such file"):
        asyncio.run(server.run(asyncio.Event()))
