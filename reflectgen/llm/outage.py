"""When an endpoint is away, for how long it is left alone, and when a question is given up."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reflectgen.errors import TeacherBusy, TeacherError, TeacherUnavailable

if TYPE_CHECKING:
    from reflectgen.llm.member import Member

FIRST_TRIES = 3  # before the first answer, when a wrong address is likelier than an outage
FIRST_TRIES_SECONDS = 30.0  # a try that took longer than this is not followed by another
FIRST_REJECTIONS = 3  # that many requests rejected and none answered: it is not the requests
REQUEST_TRIES = 5
SUSPECT_OUTAGES = 2
FAILURES_IN_A_ROW = 5
SHORTEST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0


class Breaker:
    """Tells an endpoint that is away from one that fails now and then. Questions are numbered in the order of sending.

    A row of failures ends with an answer to a question that was sent after the row's first: what an endpoint answers to
    earlier ones says nothing about it now. A row is an outage

    - with five failed calls, and at least half as many failed questions as were sent meanwhile; without the half, an
      endpoint that refuses at once and answers slowly would look away whenever it is busy;
    - with five failed questions, when no other is under way. The questions of a batch share one call, and its failure.
    """

    def __init__(self) -> None:
        self.num_failures = 0  # questions in the row
        self._num_failed_calls = self._row_began = 0
        self._last: TeacherUnavailable | None = None

    def note_life(self, number: int) -> bool:
        """Return whether the answer to question `number` shows that the endpoint is there."""
        if self._row_began and number <= self._row_began:
            return False
        self.num_failures = self._num_failed_calls = self._row_began = 0
        return True

    def note_failure(self, error: TeacherUnavailable, number: int, *, num_sent: int, num_under_way: int) -> bool:
        """Return whether the failure of question `number` makes it an outage.

        `num_sent` questions were sent so far, and `num_under_way` are, this one not among them.
        """
        self._row_began = self._row_began or number
        self.num_failures += 1
        self._num_failed_calls += error is not self._last
        self._last = error
        if self.num_failures < FAILURES_IN_A_ROW:
            return False
        num_sent_meanwhile = num_sent - self._row_began + 1
        many = self._num_failed_calls >= FAILURES_IN_A_ROW and 2 * self.num_failures >= num_sent_meanwhile
        return many or num_under_way == 0


@dataclass(slots=True)
class Trouble:
    """What one question has met so far."""

    avoided: Member | None = None  # where it failed last
    was_rejected: bool = False  # by one of several endpoints
    num_tries: int = 0  # that failed, after somebody had answered something
    put_off_seconds: float = 0.0
    signs_seen: int = -1  # of life, when it failed last
    last: TeacherError | None = None
    failures: list[tuple[Member, int]] = field(default_factory=list)  # where, and how many knocks had failed there

    def note(self, member: Member, error: TeacherUnavailable) -> None:
        """A busy server is no failure of the question: it may be put off."""
        self.num_tries += 1
        self.last = error
        if not isinstance(error, TeacherBusy):
            self.failures.append((member, member.num_failed_knocks))

    @property
    def goes_first(self) -> bool:
        """Whether it is ahead of fresh questions; not where nobody has answered, and it may be itself to blame."""
        return self.num_tries > 0 or self.was_rejected

    @property
    def is_suspect(self) -> bool:
        """Whether it was there when an endpoint went away, and then again: it may be why."""
        if len(self.failures) < SUSPECT_OUTAGES:
            return False
        return sum(member.num_failed_knocks > num_knocks for member, num_knocks in self.failures) >= SUSPECT_OUTAGES

    @property
    def is_hopeless(self) -> bool:
        """Five failures that no outage explains, or five at one endpoint in any case: it may be what kills it."""
        if len(self.failures) < REQUEST_TRIES:
            return False
        own = [m for m, num_knocks in self.failures if m.is_ready and m.num_failed_knocks == num_knocks]
        at_one = max(sum(m is member for m, _ in self.failures) for member, _ in self.failures)
        return len(own) >= REQUEST_TRIES or at_one >= REQUEST_TRIES


def wait_after(num_tries: int, error: TeacherError | None, patience_seconds: float, rng: random.Random) -> float:
    """Return the seconds to wait after `num_tries` failures: twice as long each time, or as long as the server asks."""
    wait_seconds = min(SHORTEST_WAIT_SECONDS * 2.0 ** min(num_tries - 1, 10), LONGEST_WAIT_SECONDS)
    asked_seconds = error.retry_after_seconds if isinstance(error, TeacherBusy) else None
    return max(wait_seconds * rng.uniform(0.5, 1.0), min(asked_seconds or 0.0, patience_seconds))
