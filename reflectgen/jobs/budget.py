"""Ends that a person sets to a run: money, tokens, or enough accepted reflections. What is kept then goes on later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from reflectgen.jobs.progress import Progress, Spent


@dataclass(frozen=True, slots=True)
class Limits:
    """`None` is no limit. Tokens are those of all roles and runs, prompts and answers; so is the cost."""

    max_cost: float | None = None
    max_tokens_total: int | None = None
    stop_after_accepted: int | None = None

    @property
    def any(self) -> bool:
        return any(limit is not None for limit in (self.max_cost, self.max_tokens_total, self.stop_after_accepted))


class Budget:
    """Admits a chunk only while what is under way cannot, as things went so far, exceed a limit.

    A chunk under way is taken to use what the settled ones used on average, so that a limit is met and not overshot by
    all that is in flight. Before anything is known, chunks go one by one.
    """

    def __init__(self, limits: Limits, progress: Progress, spent: Callable[[], Spent]) -> None:
        self._limits = limits
        self._progress = progress
        self._spent = spent
        self._at_start = spent()
        self._num_under_way = 0
        self._num_ended = 0
        self._moved = asyncio.Condition()
        self.reason = ""  # why no more chunks are admitted

    @property
    def limited(self) -> bool:
        return self._limits.any

    async def admit(self, *, replaces: bool = False) -> bool:
        """Wait for room; return False once a limit is reached, from then on always.

        With `replaces` the answer is for the place of an accepted one, and no more of these will stand than before.
        """
        if not self._limits.any:
            return True
        async with self._moved:
            while not self.reason:
                if self._has_room(replaces):
                    self._num_under_way += 1
                    return True
                if not self._num_under_way:
                    self.reason = self._limit_reached(replaces)
                    break
                await self._moved.wait()
            self._moved.notify_all()
            return False

    async def leave(self) -> None:
        """Note that a chunk that was admitted has its reflection."""
        if not self._limits.any:
            return
        async with self._moved:
            self._num_under_way -= 1
            self._num_ended += 1
            self._moved.notify_all()

    def _has_room(self, replaces: bool) -> bool:
        wanted = self._limits.stop_after_accepted
        if wanted is not None and not replaces and self._progress.num_accepted + self._num_under_way >= wanted:
            return False
        now, before = self._spent(), self._at_start
        return self._fits(now.tokens, before.tokens, self._limits.max_tokens_total) and self._fits(
            now.cost or 0.0, before.cost or 0.0, self._limits.max_cost
        )

    def _fits(self, now: float, before: float, limit: float | None) -> bool:
        """Whether one more chunk stays within `limit`, at what the ended ones have cost since the start."""
        if limit is None:
            return True
        if not self._num_ended:
            return now < limit and not self._num_under_way
        each = (now - before) / self._num_ended
        return now + (self._num_under_way + 1) * each <= limit

    def _limit_reached(self, replaces: bool) -> str:
        limits, spent = self._limits, self._spent()
        wanted = limits.stop_after_accepted
        if wanted is not None and not replaces and self._progress.num_accepted >= wanted:
            return f"--stop-after-accepted {wanted} is reached"
        if not self._fits(spent.tokens, self._at_start.tokens, limits.max_tokens_total):
            return f"--max-tokens-total {limits.max_tokens_total} is reached ({spent.tokens} used)"
        return f"--max-cost {limits.max_cost:g} is reached ({spent.cost or 0.0:.4g} spent)"
