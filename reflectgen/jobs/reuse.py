"""The same question is asked once: equal chunks share an answer, and each says whose it took over."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection

from reflectgen.jobs.apart import apart
from reflectgen.store import Store, reflections
from reflectgen.store.reflections import ReflectionRow

MAX_ROWS_AT_HAND = 20_000


class Reuse:
    """Knows the answers to earlier questions of a job, by the key of the request.

    Answers that were kept lately are at hand, older ones are looked up in the store, and who asks what another is
    asking at this moment waits for that answer. With `is_new` the store holds no answer yet, so that nothing is looked
    up before some are no longer at hand.
    """

    def __init__(
        self, store: Store, job_id: int, *, is_new: bool = False, max_rows_at_hand: int = MAX_ROWS_AT_HAND
    ) -> None:
        self._store = store
        self._job_id = job_id
        self.all_at_hand = is_new
        self._max_rows_at_hand = max_rows_at_hand
        self._at_hand: OrderedDict[bytes, ReflectionRow] = OrderedDict()
        self._being_asked: dict[bytes, asyncio.Future[None]] = {}

    async def look_up(self, keys: Collection[bytes]) -> None:
        """Bring what the store knows of these questions to hand."""
        unknown = [] if self.all_at_hand else [key for key in keys if key not in self._at_hand]
        if not unknown:
            return

        def known() -> dict[bytes, ReflectionRow]:
            with self._store.read() as connection:
                return reflections.with_requests(connection, self._job_id, unknown)

        for key, row in (await apart(self._store, known)).items():
            self._bring(key, row)

    async def find(self, key: bytes) -> ReflectionRow | None:
        """Return the row that answered this question; None: it is the caller's to ask, who then calls `asked`."""
        while True:
            if (row := self._at_hand.get(key)) is not None:
                self._at_hand.move_to_end(key)
                return row
            if (being_asked := self._being_asked.get(key)) is None:
                self._being_asked[key] = asyncio.get_running_loop().create_future()
                return None
            # Shielded: who waits here may be cancelled, others wait for the same.
            await asyncio.shield(being_asked)

    def asked(self, key: bytes, row: ReflectionRow | None) -> None:
        """Note the row that was kept; None: there is none, and whoever waits may ask."""
        if row is not None:
            self._bring(key, row)
        if (being_asked := self._being_asked.pop(key, None)) is not None and not being_asked.done():
            being_asked.set_result(None)

    def _bring(self, key: bytes, row: ReflectionRow) -> None:
        self._at_hand[key] = row
        self._at_hand.move_to_end(key)
        if len(self._at_hand) > self._max_rows_at_hand:
            self._at_hand.popitem(last=False)
            self.all_at_hand = False
