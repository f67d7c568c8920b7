"""Questions to the store that must not hold up the loop which keeps the calls in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from reflectgen.store import Store

Result = TypeVar("Result")


async def apart(store: Store, ask: Callable[[], Result]) -> Result:
    """Return what `ask` does: from a thread where its answer comes from another process, else from here.

    A file on this machine answers sooner than a thread would begin. Cancelled, it first waits for the thread: what
    that does to the store is over when the caller goes on.
    """
    if store.dialect_name != "postgresql":
        return ask()
    asked = asyncio.ensure_future(asyncio.to_thread(ask))
    try:
        return await asyncio.shield(asked)
    except asyncio.CancelledError:
        await asyncio.wait([asked])
        if not asked.cancelled():
            asked.exception()  # what came too late to matter is no news
        raise
