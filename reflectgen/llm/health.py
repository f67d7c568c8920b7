"""One try of one question, and what it says of the endpoint: ready, resting until it answers a knock, or out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from reflectgen.errors import (
    RequestRejected,
    TeacherBusy,
    TeacherError,
    TeacherNotFound,
    TeacherUnauthorized,
    TeacherUnavailable,
)
from reflectgen.llm.completion import Completion, CompletionRequest
from reflectgen.llm.dispatch import Dispatch
from reflectgen.llm.member import Member
from reflectgen.llm.outage import FIRST_REJECTIONS, FIRST_TRIES, FIRST_TRIES_SECONDS, wait_after
from reflectgen.llm.status import State


class Health:
    """Knows which members may be asked, knocks on those that rest, and ends the run when there is no hope.

    A knock is a question that was answered before, so that no question's own trouble looks like an outage. Before
    anybody has answered anything there is none: then the next question in the line tries.
    """

    def __init__(
        self,
        members: Sequence[Member],
        dispatch: Dispatch,
        patience_seconds: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        rng: random.Random,
    ) -> None:
        self._members, self._dispatch = members, dispatch
        self._patience_seconds = patience_seconds
        self._clock, self._sleep, self._rng = clock, sleep, rng
        self.num_signs_of_life = 0
        self._answered: CompletionRequest | None = None  # the last one: known to be answerable
        self._paused_since: float | None = None
        self._end: TeacherError | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def anybody_answered(self) -> bool:
        return self._answered is not None

    @property
    def paused_seconds(self) -> float | None:
        return None if self._paused_since is None else self._clock() - self._paused_since

    async def ask(self, member: Member, request: CompletionRequest, *, is_retry: bool) -> Completion:
        """Ask once.

        Raises:
            TeacherError: what the member's model raised, noted; or the run has ended.
        """
        self.raise_if_ended()
        call, sent_at = member.begin_call(is_retry=is_retry), self._clock()
        try:
            completion = await member.model.complete(request)
        except TeacherError as error:
            self._note_failure(member, error, call, sent_at)
            raise
        now = self._clock()
        member.note_answer(completion, now, now - sent_at)
        self._answered = request
        self._note_life(member, call)
        return completion if completion.endpoint else replace(completion, endpoint=member.endpoint)

    def rest(self, member: Member) -> None:
        """Give `member` no more questions until it answers a knock."""
        if member.is_ready:
            member.state, member.reason = State.RESTING, str(member.last_error or "it does not answer")
            self._pause_if_none_is_ready()
            self.spawn(self._knock(member))

    def raise_if_ended(self) -> None:
        if self._end is not None:
            raise _again(self._end)

    def end_run(self, error: TeacherError) -> None:
        """Fail every question that waits, and every later one, with copies of `error`."""
        if self._end is None:
            self._end = error
            self._dispatch.fail(lambda: _again(error))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the background until `stop`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _note_life(self, member: Member, call: int) -> None:
        self.num_signs_of_life += 1
        if member.breaker.note_life(call):
            member.last_error = self._paused_since = None
            if member.state is State.RESTING:
                self._welcome(member)

    def _note_failure(self, member: Member, error: TeacherError, call: int, sent_at: float) -> None:
        if isinstance(error, TeacherUnauthorized | TeacherNotFound):
            self._put_out(member, error)
        elif isinstance(error, RequestRejected):
            self._note_life(member, call)
            if not member.num_answers:
                self._note_first_rejection(member, error)
        elif isinstance(error, TeacherUnavailable):
            member.last_error = error
            if isinstance(error, TeacherBusy):
                member.limit.note_busy(self._clock())
            others = member.num_outstanding - 1
            is_away = member.breaker.note_failure(error, call, num_sent=member.num_calls, num_under_way=others)
            if not member.num_answers:
                self._note_first_failure(member, error, self._clock() - sent_at)
            elif is_away:
                self.rest(member)

    def _note_first_failure(self, member: Member, error: TeacherUnavailable, seconds: float) -> None:
        member.num_first_failures += 1 if seconds <= FIRST_TRIES_SECONDS else FIRST_TRIES
        self.rest(member)
        if not self._any_usable():
            self.end_run(self._none_answers(error))

    def _note_first_rejection(self, member: Member, error: RequestRejected) -> None:
        member.num_first_rejections += 1
        if member.num_first_rejections >= FIRST_REJECTIONS:
            count = f"{member.num_first_rejections} requests, and none was answered"
            self._put_out(member, TeacherError(f"{error} ({count})"))

    def _put_out(self, member: Member, error: TeacherError) -> None:
        member.state, member.reason = State.OUT, str(error)
        if self._any_usable():
            self._pause_if_none_is_ready()
        else:
            self.end_run(error)

    def _welcome(self, member: Member) -> None:
        member.state, member.reason = State.READY, ""
        self._dispatch.hand_out()

    async def _knock(self, member: Member) -> None:
        num_knocks = 0
        while True:
            num_knocks += 1
            # Until somebody has answered, the waits are short: a wrong address must be told soon.
            tries, error = (num_knocks, member.last_error) if self._answered else (2, None)
            if self._answered is None and member.is_gone:
                tries = member.num_first_failures
            await self._sleep(wait_after(tries, error, self._patience_seconds, self._rng))
            if self._end is not None or member.state is not State.RESTING:
                return
            if self._answered is not None:
                await self._knock_once(member, self._answered)
            elif member.is_usable:
                self._welcome(member)
                return  # the next failure begins another knock

    async def _knock_once(self, member: Member, request: CompletionRequest) -> None:
        member.num_outstanding += 1
        try:
            await self.ask(member, request, is_retry=True)
        except TeacherUnavailable:
            member.num_failed_knocks += 1
            member.limit.restart(self._clock())  # only now: were the first knock answered, it was no outage
        except TeacherError:
            pass  # noted where it was met
        finally:
            self._dispatch.release(member)

    def _pause_if_none_is_ready(self) -> None:
        if self._paused_since is not None or any(m.is_ready for m in self._members):
            return
        if self._answered is None and not any(m.is_gone for m in self._members):
            return  # a wrong address, for all that is known
        self._paused_since = self._clock()
        self.spawn(self._lose_patience(self._paused_since))

    async def _lose_patience(self, paused_since: float) -> None:
        await self._sleep(self._patience_seconds)
        if self._paused_since == paused_since:
            have = "has" if len(self._members) == 1 else "have all"
            said = next((m.last_error for m in self._members if m.last_error), "no answer")
            self.end_run(
                TeacherUnavailable(
                    f"{', '.join(m.endpoint for m in self._members)} {have} been away for "
                    f"{self._clock() - paused_since:.0f} s (last: {said}); "
                    "what is finished is kept: start again when it answers"
                )
            )

    def _any_usable(self) -> bool:
        return any(member.is_usable for member in self._members)

    def _none_answers(self, error: TeacherUnavailable) -> TeacherError:
        if len(self._members) == 1:
            return error
        said = "; ".join(member.reason for member in self._members)
        return TeacherUnavailable(f"none of {len(self._members)} endpoints can be asked: {said}")

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.end_run(TeacherError(f"the watch over {self._members[0].endpoint} failed: {error!r}"))


def _again(error: TeacherError) -> TeacherError:
    """A fresh copy: one error raised in many places would gather all their tracebacks."""
    return type(error)(str(error))
