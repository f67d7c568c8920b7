"""One model behind several endpoints: they share the load, and one that is away is left out until it is back."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from pydantic import SecretStr

from reflectgen.errors import (
    RequestRejected,
    TeacherBusy,
    TeacherError,
    TeacherNotFound,
    TeacherUnauthorized,
    TeacherUnavailable,
)
from reflectgen.llm.classifier import ClassifierModel
from reflectgen.llm.completion import ChatModel, Completion, CompletionRequest, CountsTokens
from reflectgen.llm.dispatch import Dispatch
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.llm.follow_load import follow_load
from reflectgen.llm.health import Health
from reflectgen.llm.load import ReportsLoad
from reflectgen.llm.member import Member
from reflectgen.llm.outage import Trouble, wait_after
from reflectgen.llm.served import only_model
from reflectgen.llm.status import PoolStatus
from reflectgen.llm.transport import Transport, open_transport


class EndpointPool:
    """A chat model over one or several endpoints that serve the same model, and waits out what may pass.

    Each question goes to the ready endpoint with the least outstanding questions relative to its limit, which adapts
    (`limiter.py`). Until its first answer an endpoint gets one question at a time; if none has answered, a failure ends
    the run after a few quick tries. From then on:

    - 401 and 404 put their endpoint out for good. With the last one the run ends.
    - A question that failed goes to another endpoint at once, then after growing waits. It is given up, with
      RequestRejected, after five failures that no outage explains. A busy server (429, 503) does not count against it:
      it may be put off for up to `patience_seconds`.
    - An endpoint that fails several times in a row, or fails a question for the second time with no answer to any
      question between, rests: it gets none, but is asked one that was answered before, less and less often, and is
      back when it answers.
    - A question that was there in two outages is not asked beside another such one: if one of them takes the server
      down each time, the others are not given up with it.
    - While all rest, every question waits; after `patience_seconds` of that the run ends.

    An error that ends the run is raised by every later call, without asking.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        patience_seconds: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._members = tuple(members)
        self._patience_seconds = patience_seconds
        # Waits must differ between the workers of one endpoint, so this chance is the one that has no seed.
        self._sleep, self._rng = sleep, rng or random.Random()
        self._dispatch = Dispatch(self._members)
        self._health = Health(self._members, self._dispatch, patience_seconds, clock, sleep, self._rng)
        self._suspects = asyncio.Lock()
        self._follows_load = False

    @property
    def endpoint(self) -> str:
        return ", ".join(member.endpoint for member in self._members)

    @property
    def status(self) -> PoolStatus:
        return PoolStatus(
            endpoints=tuple(member.status for member in self._members),
            num_waiting=self._dispatch.num_waiting,
            paused_seconds=self._health.paused_seconds,
        )

    async def complete(self, request: CompletionRequest) -> Completion:
        """Answer `request`, however long the endpoints are away within the patience.

        Raises:
            RequestRejected: this one request will not be answered; others may be.
            TeacherError: anything else; the run is over.
        """
        self._health.raise_if_ended()
        if not self._follows_load:
            self._follow_load()
        outcome = await self._try(request, None)
        trouble = Trouble()
        while isinstance(outcome, tuple):
            member, error = outcome
            await self._recover(trouble, member, error)
            if trouble.is_suspect:
                async with self._suspects:
                    outcome = await self._try(request, trouble)
            else:
                outcome = await self._try(request, trouble)
        return outcome

    async def count_tokens(self, text: str, model: str) -> int | None:
        """Return the tokens of `text`, by the first endpoint whose server says; None where none does.

        Raises:
            TeacherError: one of them does not answer.
        """
        for member in self._members:
            if isinstance(member.model, CountsTokens):
                count = await member.model.count_tokens(text, model)
                if count is not None:
                    return count
        return None

    async def close(self) -> None:
        """End what goes on in the background, and every question that waits; then close the members' models."""
        self._health.end_run(TeacherError(f"{self.endpoint} was closed"))
        await self._health.stop()
        await asyncio.gather(*(member.model.close() for member in self._members))

    def _follow_load(self) -> None:
        self._follows_load = True
        for member in self._members:
            if isinstance(member.model, ReportsLoad):
                self._health.spawn(follow_load(member, member.model, self._sleep))

    async def _try(
        self, request: CompletionRequest, trouble: Trouble | None
    ) -> Completion | tuple[Member, TeacherError]:
        """Return an answer, or who failed and how."""
        member = await self._place(trouble)
        try:
            return await self._health.ask(member, request, is_retry=trouble is not None)
        except TeacherError as error:
            return member, error
        finally:
            self._dispatch.release(member)

    async def _place(self, trouble: Trouble | None) -> Member:
        """Return a ready member with a place taken at it."""
        avoided = trouble.avoided if trouble else None
        first = trouble is not None and trouble.goes_first
        member = self._dispatch.take(avoided)
        while member is None or not member.is_ready:  # it may have gone to rest since it was chosen
            if member is not None:
                self._dispatch.release(member)
            member = await self._dispatch.wait(avoided, first=first)
        if trouble is not None and trouble.is_hopeless:
            self._dispatch.release(member)
            raise _given_up(trouble)
        return member

    async def _recover(self, trouble: Trouble, member: Member, error: TeacherError) -> None:
        """Return when the question may be asked again.

        Raises:
            TeacherError: it may not.
        """
        self._health.raise_if_ended()
        others_ready = any(other.is_ready for other in self._members if other is not member)
        trouble.avoided = member
        if isinstance(error, RequestRejected):
            if trouble.was_rejected or not others_ready:
                raise error
            trouble.was_rejected = True  # a server may be set up otherwise than its fellows: a second opinion
        elif isinstance(error, TeacherUnavailable):
            if self._health.anybody_answered:  # until then it is the endpoint that is in doubt, not the question
                await self._wait_after_failure(trouble, member, error, others_ready)
        elif not isinstance(error, TeacherUnauthorized | TeacherNotFound):
            raise error

    async def _wait_after_failure(
        self, trouble: Trouble, member: Member, error: TeacherUnavailable, others_ready: bool
    ) -> None:
        trouble.note(member, error)
        if trouble.signs_seen == self._health.num_signs_of_life:
            self._health.rest(member)
        trouble.signs_seen = self._health.num_signs_of_life
        at_once = trouble.num_tries == 1 and others_ready
        if at_once or not any(other.is_ready for other in self._members):
            return
        if trouble.is_hopeless or trouble.put_off_seconds > self._patience_seconds:
            raise _given_up(trouble)
        wait_seconds = wait_after(trouble.num_tries, None if others_ready else error, self._patience_seconds, self._rng)
        if isinstance(error, TeacherBusy):
            trouble.put_off_seconds += wait_seconds
        await self._sleep(wait_seconds)
        self._health.raise_if_ended()


def _given_up(trouble: Trouble) -> RequestRejected:
    return RequestRejected(
        f"no answer after {trouble.num_tries} tries, though others were answered (last: {trouble.last})"
    )


async def open_pool(
    endpoints: Sequence[EndpointOptions],
    api_keys: Sequence[SecretStr | None],
    *,
    cache_salt: str = "",
    classifies: bool = False,
) -> tuple[EndpointPool, str]:
    """Open the endpoints of one role, and return them as one model with the name under which they serve it.

    With `classifies` they serve a classification model, see `classifier.py`. An endpoint that is away is taken in as
    long as the name is known without it; the longest patience is the pool's.

    Raises:
        TeacherError: an address or a key cannot be used, no endpoint answers, or they do not serve one model.
    """
    models: list[Transport] = []
    try:
        for options, key in zip(endpoints, api_keys, strict=True):
            models.append(open_transport(options, key, cache_salt=cache_salt))
        name = await _one_name(models, endpoints)
        were_seen = [bool(found.models) for found in await asyncio.gather(*(model.features() for model in models))]
    except BaseException:
        await asyncio.gather(*(model.close() for model in models))
        raise
    asked: Sequence[ChatModel] = [ClassifierModel(model, name) for model in models] if classifies else models
    members = [
        Member(model, options.concurrency, was_seen=seen)
        for model, options, seen in zip(asked, endpoints, were_seen, strict=True)
    ]
    patience_seconds = max(options.outage_patience_seconds for options in endpoints)
    return EndpointPool(members, patience_seconds=patience_seconds), name


async def _one_name(models: Sequence[Transport], endpoints: Sequence[EndpointOptions]) -> str:
    """Return the name that all endpoints serve their model under; one that is away has no say."""
    said = await asyncio.gather(*(_name_of(m, o) for m, o in zip(models, endpoints, strict=True)))
    names = {name: model.endpoint for model, name in zip(models, said, strict=True) if isinstance(name, str)}
    for error in said:
        if isinstance(error, TeacherError) and not (names and isinstance(error, TeacherUnavailable)):
            raise error
    if len(names) > 1:
        (one, here), (other, there), *_ = names.items()
        raise TeacherError(
            f"{here} serves {one!r} and {there} serves {other!r}: the endpoints of one role must serve one model"
        )
    return next(iter(names))


async def _name_of(model: Transport, options: EndpointOptions) -> str | TeacherError:
    if options.model is not None:
        return options.model
    try:
        return await only_model(model)
    except TeacherError as error:
        return error
