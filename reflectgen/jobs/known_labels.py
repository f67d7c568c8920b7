"""A guard whose calls cost something is asked about a text once: equal chunks share its label."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from reflectgen.records import Label

MAX_LABELS_AT_HAND = 20_000


class KnownLabels:
    """Knows the labels of the texts that were judged last; who asks for one that is being judged waits for it."""

    def __init__(self, max_labels_at_hand: int = MAX_LABELS_AT_HAND) -> None:
        self._max_labels_at_hand = max_labels_at_hand
        self._at_hand: dict[str, Label] = {}
        self._being_judged: dict[str, asyncio.Future[None]] = {}

    async def find(self, text: str, judge: Callable[[], Awaitable[Label]]) -> Label:
        """Return the label of `text`, from `judge` where it is not known.

        Raises:
            ReflectgenError: what `judge` met; whoever waits for the same text then asks by themselves.
        """
        while (label := self._at_hand.get(text)) is None:
            if (being_judged := self._being_judged.get(text)) is None:
                return await self._judge(text, judge)
            # Shielded: who waits here may be cancelled, others wait for the same.
            await asyncio.shield(being_judged)
        return label

    async def _judge(self, text: str, judge: Callable[[], Awaitable[Label]]) -> Label:
        ended = self._being_judged[text] = asyncio.get_running_loop().create_future()
        try:
            label = await judge()
            if len(self._at_hand) >= self._max_labels_at_hand:
                self._at_hand.pop(next(iter(self._at_hand)))
            self._at_hand[text] = label
            return label
        finally:
            del self._being_judged[text]
            ended.set_result(None)
