"""The stand-in for a vLLM server that the benchmarks ask: it lies beside the repository, not in it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import REPOSITORY

TOOLS = REPOSITORY.parent / "shared" / "tools"
CLOSING = Path(__file__).resolve().with_name("closing_stub.py")
WITH_OUTAGE = Path(__file__).resolve().with_name("outage_stub.py")


@dataclass(frozen=True, slots=True)
class Stub:
    url: str
    process_id: int

    def get(self, path: str) -> dict[str, int]:
        with urllib.request.urlopen(self.url + path) as response:
            answer: dict[str, int] = json.loads(response.read())
        return answer

    def reset(self) -> None:
        self.get("/reset")

    @property
    def stats(self) -> dict[str, int]:
        return self.get("/stats")


@contextmanager
def stub_server(
    *options: str,
    port: int = 0,
    python: Path = Path(sys.executable),
    closing: bool = False,
    outage: tuple[int, float] | None = None,
) -> Iterator[Stub]:
    """Run the stub until the block ends; on the port given, for clients that know no other, else on a free one.

    With a `python` that has uvloop it answers faster. `closing`: it closes connections whose client wants that.
    `outage`: after how many answers it is away, and for how many seconds.
    """
    script = [str(CLOSING), str(TOOLS)] if closing else [str(TOOLS / "stub_openai.py")]
    if outage is not None:
        script = [str(WITH_OUTAGE), str(TOOLS), str(outage[0]), str(outage[1])]
    port = port or free_port()
    process = subprocess.Popen([str(python), *script, "--port", str(port), *options])
    stub = Stub(f"http://127.0.0.1:{port}", process.pid)
    try:
        for _ in range(100):
            try:
                stub.reset()
                break
            except OSError:
                time.sleep(0.1)
        else:
            sys.exit(f"the stub at {stub.url} did not start")
        yield stub
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
