"""A server and as many askers as a limit allows, played event by event in time that is only a number."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from reflectgen.llm.limiter import AdaptiveLimit


@dataclass
class ClosedLoop:
    """`seconds_of(num_computed, now)` is how long an answer takes beside so many; more than `room` wait in a line."""

    limit: AdaptiveLimit
    seconds_of: Callable[[int, float], float]
    room: int = 10_000
    is_busy: Callable[[int], bool] = lambda num_outstanding: False
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    now: float = 0.0

    def __post_init__(self):
        self._ends, self._order = [], count()
        self._line, self._num_computed, self.num_outstanding = [], 0, 0
        self.limits = []

    def play(self, seconds: float) -> float:
        """Return the answers a second."""
        self.limits, num_answers, until = [], 0, self.now + seconds
        while self.now < until:
            while self.num_outstanding < self.limit.value:
                self._send()
            self.now, _, sent_at, busy = heapq.heappop(self._ends)
            if busy:
                self.limit.note_busy(self.now)
            else:
                num_answers += 1
                held_back = self.num_outstanding >= self.limit.value
                self.limit.note_answer(self.now, self.now - sent_at, held_back=held_back)
                self._num_computed -= 1
                if self._line and self._num_computed < self.room:
                    self._compute(self._line.pop(0))
            self.num_outstanding -= 1
            self.limits.append(self.limit.value)
        return num_answers / seconds

    @property
    def mean_limit(self) -> float:
        return sum(self.limits) / len(self.limits)

    @property
    def num_waiting(self) -> int:
        return len(self._line)

    @property
    def num_computed(self) -> int:
        return self._num_computed

    def _send(self):
        self.num_outstanding += 1
        if self.is_busy(self.num_outstanding):
            heapq.heappush(self._ends, (self.now + 0.001, next(self._order), self.now, True))
        elif self._num_computed < self.room:
            self._compute(self.now)
        else:
            self._line.append(self.now)

    def _compute(self, sent_at):
        self._num_computed += 1
        seconds = self.seconds_of(self._num_computed, self.now) * self.rng.uniform(0.6, 1.4)
        heapq.heappush(self._ends, (self.now + seconds, next(self._order), sent_at, False))
