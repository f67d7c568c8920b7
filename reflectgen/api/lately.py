"""Answers of a moment ago, given again as they are: who polls does not hold up who works."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from reflectgen.api.access import owner_of
from reflectgen.store.keys import Key

SECONDS = 1.0
MAX_ANSWERS = 256


class Lately:
    """What it remembers is an owner's: nobody is given what another was shown."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._known: dict[Hashable, tuple[float, bytes]] = {}  # by when they are too old, and the body

    async def answer(self, key: Key, what: Hashable, make: Callable[[], BaseModel]) -> Response:
        """Return the answer to `what`, made in a thread by `make` unless it was made a moment ago."""
        asked, known = (owner_of(key), what), self._known
        until, body = known.get(asked, (0.0, b""))
        if time.monotonic() > until:
            body = (await run_in_threadpool(make)).model_dump_json().encode()
            known.pop(asked, None)
            known[asked] = (time.monotonic() + self.seconds, body)  # what was forgotten meanwhile stays forgotten
            while len(known) > MAX_ANSWERS:
                known.pop(next(iter(known)), None)
        return Response(body, media_type="application/json")

    def forget(self) -> None:
        """Look afresh: something was just changed."""
        self._known = {}
