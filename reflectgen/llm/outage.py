"""Asking with patience: an outage pauses every call but one that knocks, and a poisonous request is given up."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

from reflectgen.errors import (
    RequestRejected,
    TeacherBusy,
    TeacherError,
    TeacherNotFound,
    TeacherUnauthorized,
    TeacherUnavailable,
)
from reflectgen.llm.completion import ChatModel, Completion, CompletionRequest

FIRST_TRIES = 3  # before the first answer, when a wrong address is likelier than an outage
FIRST_TRIES_SECONDS = 30.0  # a try that took longer than this is not followed by another
FIRST_REJECTIONS = 3  # that many requests rejected and none answered: it is not the requests
REQUEST_TRIES = 5
FAILURES_IN_A_ROW = 5  # of any requests, none answered between them: an outage
SHORTEST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """What to show of an endpoint. `num_retries` counts the calls made because one before had failed."""

    num_calls: int = 0
    num_answers: int = 0
    num_retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    paused_seconds: float | None = None  # None: not paused
    last_error: str = ""


class PatientModel:
    """A chat model that waits out what may pass.

    Until the first answer only one call is under way, and a failure ends the run after a few quick tries. From then on:

    - 401 and 404 end the run.
    - A failed request is sent again, up to five times in all while others are answered; then RequestRejected. A busy
      server (429, 503) does not count against a request: it may be put off for up to `patience_seconds`.
    - Five failures in a row, or two of one request with no answer to any between them, are an outage: all calls wait
      while one asks the last answered question again, less and less often, until it is answered or `patience_seconds`
      are over, which ends the run.

    An error that ends the run is raised by every later call, without asking.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        patience_seconds: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._model = model
        self._patience_seconds = patience_seconds
        self._clock, self._sleep, self._rng = clock, sleep, rng or random.Random()
        self._first_call, self._knocker = asyncio.Lock(), asyncio.Lock()
        self._answered: CompletionRequest | None = None  # the last one: known to be answerable
        self._num_calls = self._num_answers = self._num_retries = self._num_rejected = self._num_signs_of_life = 0
        self._prompt_tokens = self._completion_tokens = 0
        self._failures_in_a_row = 0
        self._paused_since: float | None = None
        self._last_error: TeacherError | None = None
        self._end: TeacherError | None = None

    @property
    def endpoint(self) -> str:
        return self._model.endpoint

    @property
    def status(self) -> EndpointStatus:
        return EndpointStatus(
            num_calls=self._num_calls,
            num_answers=self._num_answers,
            num_retries=self._num_retries,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            paused_seconds=None if self._paused_since is None else self._clock() - self._paused_since,
            last_error=str(self._last_error or ""),
        )

    async def complete(self, request: CompletionRequest) -> Completion:
        """Answer `request`, however long the endpoint is away within its patience.

        Raises:
            RequestRejected: this one request will not be answered; others may be.
            TeacherError: anything else; the run is over.
        """
        if self._answered is None:
            async with self._first_call:
                if self._answered is None:
                    return await self._ask_first(request)
        return await self._ask_patiently(request)

    async def close(self) -> None:
        await self._model.close()

    async def _ask_first(self, request: CompletionRequest) -> Completion:
        began, num_tries = self._clock(), 0
        while True:
            num_tries += 1
            try:
                return await self._ask(request, is_retry=num_tries > 1)
            except TeacherUnavailable as error:
                if num_tries == FIRST_TRIES or self._clock() - began > FIRST_TRIES_SECONDS:
                    self._end_run(error)
            except RequestRejected as error:
                self._num_rejected += 1
                if self._num_rejected >= FIRST_REJECTIONS:
                    self._end_run(TeacherError(f"{error} ({self._num_rejected} requests, and none was answered)"))
                raise
            await self._sleep(self._wait_after(2, None))

    async def _ask_patiently(self, request: CompletionRequest) -> Completion:
        num_tries, num_failures, put_off_seconds = 0, 0, 0.0
        signs_seen = -1  # of life, when this request failed last; a first failure alone is no outage
        while True:
            await self._sit_out_outage()
            num_tries += 1
            try:
                return await self._ask(request, is_retry=num_tries > 1)
            except TeacherUnavailable as error:
                last = error
            is_busy = isinstance(last, TeacherBusy)
            num_failures += not is_busy
            is_outage = self._failures_in_a_row >= FAILURES_IN_A_ROW or self._num_signs_of_life == signs_seen
            signs_seen = self._num_signs_of_life
            if is_outage:
                self._begin_outage()
                await self._sit_out_outage()
            if num_failures >= REQUEST_TRIES or put_off_seconds > self._patience_seconds:
                raise RequestRejected(f"no answer after {num_tries} tries, though others were answered (last: {last})")
            if not is_outage:
                wait_seconds = self._wait_after(num_tries, last)
                put_off_seconds += wait_seconds if is_busy else 0.0
                await self._sleep(wait_seconds)

    async def _ask(self, request: CompletionRequest, *, is_retry: bool) -> Completion:
        self._raise_if_ended()
        self._num_calls += 1
        self._num_retries += is_retry
        try:
            completion = await self._model.complete(request)
        except (TeacherUnauthorized, TeacherNotFound) as error:
            self._end_run(error)
        except TeacherUnavailable as error:
            self._failures_in_a_row += 1
            self._last_error = error
            raise
        except RequestRejected:
            self._note_sign_of_life()
            raise
        self._note_sign_of_life()
        self._answered = request
        self._num_answers += 1
        self._prompt_tokens += completion.prompt_tokens
        self._completion_tokens += completion.completion_tokens
        return completion

    def _note_sign_of_life(self) -> None:
        self._num_signs_of_life += 1
        self._failures_in_a_row = 0
        self._paused_since = None
        self._last_error = None

    def _begin_outage(self) -> None:
        if self._paused_since is None:
            self._paused_since = self._clock()

    async def _sit_out_outage(self) -> None:
        """Return when there is no outage: at once, or having knocked until an answer, or having waited for who did."""
        if self._paused_since is None:
            return
        async with self._knocker:
            num_knocks = 0
            while self._paused_since is not None:
                self._raise_if_ended()
                waited_seconds = self._clock() - self._paused_since
                if waited_seconds >= self._patience_seconds:
                    self._end_run(self._out_of_patience(waited_seconds))
                num_knocks += 1
                left_seconds = self._patience_seconds - waited_seconds
                await self._sleep(min(self._wait_after(num_knocks, self._last_error), left_seconds))
                if self._paused_since is not None:  # else a call that was under way has been answered
                    await self._knock()

    async def _knock(self) -> None:
        """Ask a question that was answered before, so that no request's own trouble looks like an outage."""
        if self._answered is None:
            raise AssertionError("an outage begins after the first answer")
        with contextlib.suppress(TeacherUnavailable, RequestRejected):
            await self._ask(self._answered, is_retry=True)

    def _wait_after(self, num_tries: int, error: TeacherError | None) -> float:
        wait_seconds = min(SHORTEST_WAIT_SECONDS * 2.0 ** min(num_tries - 1, 10), LONGEST_WAIT_SECONDS)
        asked_seconds = error.retry_after_seconds if isinstance(error, TeacherBusy) else None
        return max(wait_seconds * self._rng.uniform(0.5, 1.0), min(asked_seconds or 0.0, self._patience_seconds))

    def _out_of_patience(self, waited_seconds: float) -> TeacherUnavailable:
        return TeacherUnavailable(
            f"{self.endpoint} has been away for {waited_seconds:.0f} s (last: {self._last_error}); "
            "what is finished is kept: start again when it answers"
        )

    def _end_run(self, error: TeacherError) -> NoReturn:
        self._end = error
        raise error

    def _raise_if_ended(self) -> None:
        if self._end is not None:
            raise type(self._end)(str(self._end))
