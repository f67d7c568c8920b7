"""The stand-in server, made to be away for a while once it has answered so many questions, however fast the machine.

python benchmarks/outage_stub.py FOLDER NUM_ANSWERS SECONDS [OPTION ...]
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress

sys.path.insert(0, sys.argv.pop(1))

import stub_openai  # type: ignore[import-not-found]  # it lies beside the repository

NUM_ANSWERS, SECONDS = int(sys.argv.pop(1)), float(sys.argv.pop(1))


class ServerWithOutage(stub_openai.Server):  # type: ignore[misc]
    """Answers as the stand-in does; its own outage begins at a time, which is none or all of a job's."""

    def post(self, path: str, raw: bytes) -> tuple[int, bytes, bool]:
        if self.stats["prompts"] >= NUM_ANSWERS and not self.args.outage[1]:
            self.args.outage = (time.monotonic() - self.first, SECONDS)
        answer: tuple[int, bytes, bool] = super().post(path, raw)
        return answer


if __name__ == "__main__":
    stub_openai.Server = ServerWithOutage
    with suppress(KeyboardInterrupt):
        asyncio.run(stub_openai.main())
