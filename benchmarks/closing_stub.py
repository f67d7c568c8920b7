"""The stand-in server, made to close a connection whose client says that it will: `Connection: close`.

    python benchmarks/closing_stub.py FOLDER [OPTION ...]

One of the other tools reads an answer up to the end of its connection, and would wait for it for ever.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

sys.path.insert(0, sys.argv.pop(1))

import stub_openai  # type: ignore[import-not-found]  # it lies beside the repository


class ClosingConnection(stub_openai.Connection):  # type: ignore[misc]
    """Answers as the stand-in does."""

    is_last_request = False

    def data_received(self, data: bytes) -> None:
        self.is_last_request = self.is_last_request or b"\r\nConnection: close\r\n" in data
        super().data_received(data)

    def send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        super().send(status, body, kind)
        if self.is_last_request:
            self.transport.close()


if __name__ == "__main__":
    with suppress(ImportError):  # slower without
        import uvloop

        uvloop.install()
    stub_openai.Connection = ClosingConnection
    with suppress(KeyboardInterrupt):
        asyncio.run(stub_openai.main())
