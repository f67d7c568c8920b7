"""What to show of the endpoints that answer for one role."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`READY`: it is asked; `RESTING`: it failed, and is knocked on; `OUT`: it will not be asked again in this run."""

    READY = "ready"
    RESTING = "resting"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """One endpoint. `num_retries` counts the calls made because one before had failed, knocks among them."""

    endpoint: str
    state: State
    reason: str  # why it is not ready; empty where it is
    limit: int  # questions at once, at present
    num_outstanding: int
    num_calls: int
    num_answers: int
    num_retries: int
    prompt_tokens: int
    completion_tokens: int
    latency_seconds: float | None  # of the last answer
    last_error: str  # since the last answer


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """All endpoints, in the order in which they were given, and their sums."""

    endpoints: tuple[EndpointStatus, ...]
    num_waiting: int  # questions that no endpoint has room for
    paused_seconds: float | None  # how long no endpoint has been ready; None: one is

    @property
    def num_calls(self) -> int:
        return sum(endpoint.num_calls for endpoint in self.endpoints)

    @property
    def num_answers(self) -> int:
        return sum(endpoint.num_answers for endpoint in self.endpoints)

    @property
    def num_retries(self) -> int:
        return sum(endpoint.num_retries for endpoint in self.endpoints)

    @property
    def num_outstanding(self) -> int:
        return sum(endpoint.num_outstanding for endpoint in self.endpoints)

    @property
    def prompt_tokens(self) -> int:
        return sum(endpoint.prompt_tokens for endpoint in self.endpoints)

    @property
    def completion_tokens(self) -> int:
        return sum(endpoint.completion_tokens for endpoint in self.endpoints)

    @property
    def last_error(self) -> str:
        return next((endpoint.last_error for endpoint in self.endpoints if endpoint.last_error), "")
