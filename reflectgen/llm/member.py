"""One endpoint of a pool: what it may be given, what it gave, and whether it is asked at all."""

from __future__ import annotations

from reflectgen.errors import TeacherBusy, TeacherGone, TeacherUnavailable
from reflectgen.llm.completion import ChatModel, Completion
from reflectgen.llm.limiter import AdaptiveLimit
from reflectgen.llm.outage import FIRST_TRIES, Breaker
from reflectgen.llm.status import EndpointStatus, State


class Member:
    """A model of a pool, with at most `concurrency` questions at once; until its first answer, with one.

    `was_seen`: its server has answered something, so that no answer from now on is an outage and no wrong address.
    """

    def __init__(self, model: ChatModel, concurrency: int = 64, *, was_seen: bool = False) -> None:
        self.model = model
        self.was_seen = was_seen
        self.limit = AdaptiveLimit(concurrency)
        self.breaker = Breaker()
        self.state = State.READY
        self.reason = ""
        self.num_outstanding = self.num_calls = self.num_answers = 0
        self.num_first_failures = self.num_first_rejections = 0  # before the first answer
        self.num_failed_knocks = 0
        self.last_error: TeacherUnavailable | None = None
        self._num_retries = self._prompt_tokens = self._completion_tokens = 0
        self._latency_seconds: float | None = None

    def __repr__(self) -> str:
        return f"Member({self.endpoint!r})"

    @property
    def endpoint(self) -> str:
        return self.model.endpoint

    @property
    def is_ready(self) -> bool:
        return self.state is State.READY

    @property
    def is_usable(self) -> bool:
        """Whether it has answered, or may still turn out to be there."""
        if self.state is State.OUT:
            return False
        return self.num_answers > 0 or self.num_first_failures < FIRST_TRIES or self.is_gone

    @property
    def is_gone(self) -> bool:
        """Whether a server that was there before the first question is not there now, or says that it is too busy."""
        return self.was_seen and isinstance(self.last_error, TeacherGone | TeacherBusy)

    @property
    def has_room(self) -> bool:
        """The place of a call that failed is not given again until a later call is answered."""
        if self.state is not State.READY:
            return False
        room = self.limit.value - self.breaker.num_failures if self.num_answers else 1
        return self.num_outstanding < room or self.num_outstanding == 0

    @property
    def fullness(self) -> tuple[float, int]:
        """What the next question goes by: outstanding questions relative to the limit, then calls so far."""
        return self.num_outstanding / self.limit.value, self.num_calls

    def begin_call(self, *, is_retry: bool) -> int:
        """Count a call and return its number, which tells later ones from earlier ones."""
        self.num_calls += 1
        self._num_retries += is_retry
        return self.num_calls

    def note_answer(self, completion: Completion, now: float, seconds: float) -> None:
        self.num_answers += 1
        self._prompt_tokens += completion.prompt_tokens
        self._completion_tokens += completion.completion_tokens
        self._latency_seconds = seconds
        self.limit.note_answer(now, seconds, held_back=self.num_outstanding >= self.limit.value)

    @property
    def status(self) -> EndpointStatus:
        return EndpointStatus(
            endpoint=self.endpoint,
            state=self.state,
            reason=self.reason,
            limit=self.limit.value,
            num_outstanding=self.num_outstanding,
            num_calls=self.num_calls,
            num_answers=self.num_answers,
            num_retries=self._num_retries,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            latency_seconds=self._latency_seconds,
            last_error=str(self.last_error or ""),
        )
