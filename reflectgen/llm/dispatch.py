"""Which endpoint a question goes to, and the line of questions that none has room for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from reflectgen.llm.member import Member


class Dispatch:
    """Gives each question a place at a member, and takes the place back.

    A question goes to the ready member with the least outstanding questions relative to its limit. Those that have
    failed before come first in the line, and are not given back to the member where they failed while another is ready.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._fresh: deque[asyncio.Future[Member]] = deque()
        self._again: deque[tuple[asyncio.Future[Member], Member | None]] = deque()
        self._end: Callable[[], Exception] | None = None

    @property
    def num_waiting(self) -> int:
        return sum(not waiter.done() for waiter in self._fresh) + sum(not waiter.done() for waiter, _ in self._again)

    def take(self, avoided: Member | None = None) -> Member | None:
        """Return a member with a place, now taken; None where there is no room, or others wait for it."""
        if self._fresh or self._again:
            return None
        member = self._choose(avoided)
        if member is not None:
            member.num_outstanding += 1
        return member

    async def wait(self, avoided: Member | None = None, *, first: bool = False) -> Member:
        """Return a member with a place, as soon as there is one.

        Raises:
            Exception: what `fail` was given.
        """
        if self._end is not None:
            raise self._end()
        waiter: asyncio.Future[Member] = asyncio.get_running_loop().create_future()
        if first:
            self._again.append((waiter, avoided))
        else:
            self._fresh.append(waiter)
        self.hand_out()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())
            else:
                waiter.cancel()
            raise

    def release(self, member: Member) -> None:
        member.num_outstanding -= 1
        if self._fresh or self._again:
            self.hand_out()

    def hand_out(self) -> None:
        """Give what room there is to those who wait."""
        if self._again:
            self._hand_out_again()
        while self._fresh and self._give(self._fresh[0], None):
            self._fresh.popleft()

    def _hand_out_again(self) -> None:
        passed_over = []
        while self._again and any(member.has_room for member in self._members):
            waiter, avoided = self._again.popleft()
            if not self._give(waiter, avoided):
                passed_over.append((waiter, avoided))
        self._again.extendleft(reversed(passed_over))

    def fail(self, error: Callable[[], Exception]) -> None:
        """End every wait, those to come too, with an error of its own."""
        self._end = error
        for waiter in [*self._fresh, *(waiter for waiter, _ in self._again)]:
            if not waiter.done():
                waiter.set_exception(error())
        self._fresh.clear()
        self._again.clear()

    def _give(self, waiter: asyncio.Future[Member], avoided: Member | None) -> bool:
        """Give `waiter` a place; False where there is none for it."""
        if waiter.done():
            return True
        member = self._choose(avoided)
        if member is None:
            return False
        member.num_outstanding += 1
        waiter.set_result(member)
        return True

    def _choose(self, avoided: Member | None) -> Member | None:
        if len(self._members) == 1:
            return self._members[0] if self._members[0].has_room else None
        if avoided is not None and not any(m.is_ready for m in self._members if m is not avoided):
            avoided = None
        return min((m for m in self._members if m.has_room and m is not avoided), key=_fullness, default=None)


def _fullness(member: Member) -> tuple[float, int]:
    return member.fullness
