"""How many questions one endpoint gets at once: additive increase, multiplicative decrease, never below one."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from reflectgen.llm.load import ServerLoad

RESTART_FACTOR = 0.25  # of the last limit that brought answers, after an outage: who comes back is cold
SLOW_FACTOR = 0.8
FAR_ABOVE = 2.0  # times the best latency seen lately
WORTH = 0.1  # of what latency grew by: what throughput must have grown by, to be worth it
COST = 0.95  # of the throughput before a fall: less than this is a loss, and dearer than latency
MIN_WINDOW_ANSWERS = 32
NUM_WINDOWS = 20  # that "lately" spans
USELESS_WINDOWS = 2  # in a row before a fall: the first may have seen the change itself
HOLD_WINDOWS = 5  # more of them, after a fall that was taken back
MIN_MARGIN = 4  # questions that may wait inside a server, so that its scheduler always has one at hand
CROWDED_POLLS = 2  # in a row; a burst of arrivals waits a moment in any server


@dataclass(frozen=True, slots=True)
class _Window:
    """What a round of answers showed: seconds an answer, answers a second."""

    latency: float
    rate: float


class AdaptiveLimit:
    """A limit between 1 and `most`, in `value`; all times are seconds of one clock.

    It begins at `most`: that is what its user asked for, a vLLM server queues what is too much, and a short job would
    spend its time climbing. It rises by about one per limit's worth of answers while the limit is what holds questions
    back, and falls

    - where the server was busy (429, 503), once per round trip, by half the share of calls that it was too busy for:
      one in fifty costs next to nothing, all of them cost half;
    - where the server itself says that questions wait inside it, `note_load`;
    - where latency is far above the best seen lately and throughput has not grown. Latency alone is no reason, for
      vLLM's grows with the batch by design. A fall that costs throughput is taken back.

    Sources: Chiu and Jain 1989 (AIMD); RFC 8257 (a fall by half the share); RFC 5681 (slow start, for `restart`).
    """

    def __init__(self, most: int) -> None:
        self.value = most
        self._most = most
        self._exact = self._proven = float(most)
        self._doubles_below = 0.0
        self._round_began = -math.inf
        self._round_answers = self._round_busies = 0
        self._num_crowded_polls = 0
        self._windows: deque[_Window] = deque(maxlen=NUM_WINDOWS)
        self._before_fall: tuple[float, float] | None = None  # limit and rate, until it is seen what the fall did
        self._num_useless = 0  # windows in a row
        self._num_to_skip = 0  # answers to calls from before a change
        self._began: float | None = None
        self._num_answers = self._num_held_back = self._window_answers = 0
        self._sum_seconds = 0.0
        self._begin_window(None)

    def note_answer(self, now: float, seconds: float, *, held_back: bool) -> None:
        """Note an answer after `seconds`; `held_back`: as many questions were out as the limit allows."""
        if held_back and self._num_crowded_polls == 0 and self.value < self._most:
            self._set(self._exact + (1.0 if self._exact < self._doubles_below else 1.0 / self._exact))
        self._proven = self._exact
        self._round_answers += 1
        if now - seconds >= self._round_began:
            self._end_round(now)
        if self._num_to_skip:
            self._num_to_skip -= 1
            if not self._num_to_skip:
                self._begin_window(now)
            return
        if self._began is None:
            self._began = now - seconds
        self._num_answers += 1
        self._num_held_back += held_back
        self._sum_seconds += seconds
        if self._num_answers >= self._window_answers:
            self._end_window(now, now - self._began)

    def note_busy(self, now: float) -> None:
        """Note a 429 or 503."""
        self._round_busies += 1
        # A round trip is an answer's: a busy word comes back sooner, and would make many short ones.
        if self._round_busies >= self.value:
            self._end_round(now)

    def note_load(self, load: ServerLoad, num_outstanding: int) -> None:
        """Note what the server says of itself, while `num_outstanding` of our questions are there.

        The limit never falls below what the server computes at once: what waits beyond that may be someone else's.
        """
        excess = load.num_waiting - max(MIN_MARGIN, load.num_running // 8)
        if excess <= 0:
            self._num_crowded_polls = 0
            return
        self._num_crowded_polls += 1
        if self._num_crowded_polls >= CROWDED_POLLS:
            useful = min(self._exact, num_outstanding) - excess
            lowered = max(useful, load.num_running, 0.75 * self._exact)
            if lowered < self._exact:
                self._fall(lowered)
                self._before_fall = None

    def restart(self, now: float) -> None:
        """Begin low after an outage, and double per round trip up to what was held before."""
        self._doubles_below = self._proven
        self._set(min(self._exact, self._proven * RESTART_FACTOR))
        self._round_began, self._round_answers, self._round_busies = now, 0, 0
        self._num_crowded_polls = 0
        self._before_fall = None
        self._begin_window(now)

    def _end_round(self, now: float) -> None:
        num_answers, num_busies = self._round_answers, self._round_busies
        self._round_began, self._round_answers, self._round_busies = now, 0, 0
        if num_busies:
            self._fall(self._exact * (1.0 - 0.5 * num_busies / (num_answers + num_busies)))
            self._before_fall = None

    def _fall(self, lowered: float) -> None:
        self._num_to_skip = self.value
        self._set(lowered)
        self._doubles_below = 0.0

    def _set(self, limit: float) -> None:
        self._exact = min(max(limit, 1.0), float(self._most))
        self.value = int(self._exact)

    def _begin_window(self, now: float | None) -> None:
        self._began = now  # None: with the first question
        self._num_answers = self._num_held_back = 0
        self._sum_seconds = 0.0
        # Two round trips tell more, but while the limit doubles they would blur what they are to compare.
        num_rounds = 1 if self._exact < self._doubles_below else 2
        self._window_answers = max(MIN_WINDOW_ANSWERS, num_rounds * self.value)

    def _end_window(self, now: float, seconds: float) -> None:
        num_answers, num_held_back = self._num_answers, self._num_held_back
        window = _Window(self._sum_seconds / num_answers, num_answers / max(seconds, 1e-9))
        self._begin_window(now)
        before: tuple[float, float] | None = self._before_fall
        self._before_fall = None
        is_useless = 2 * num_held_back >= num_answers and self._is_useless(window)
        self._num_useless = self._num_useless + 1 if is_useless else 0
        if before is not None and window.rate < COST * before[1]:
            self._set(before[0])
            self._num_useless = -HOLD_WINDOWS
        elif self._num_useless >= USELESS_WINDOWS:
            self._before_fall = self._exact, window.rate
            self._fall(self._exact * SLOW_FACTOR)
        self._windows.append(window)

    def _is_useless(self, window: _Window) -> bool:
        """Whether the limit buys latency only: far above the best, at hardly more throughput than the best had."""
        best = min(self._windows, key=lambda w: (w.latency, -w.rate), default=window)
        growth = window.latency / max(best.latency, 1e-9)
        return growth > FAR_ABOVE and window.rate <= (1.0 + WORTH * (growth - 1.0)) * best.rate
