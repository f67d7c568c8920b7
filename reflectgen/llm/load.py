"""How busy a server says it is, in vLLM's own gauges."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

GAUGE = re.compile(
    r"^vllm:num_requests_(running|waiting)(?:\{[^\n]*\})?[ \t]+([0-9][0-9.eE+-]*)(?:[ \t]+-?\d+)?[ \t\r]*$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """Requests that a server computes, and requests that wait inside it for their turn; summed over its engines."""

    num_running: int
    num_waiting: int


@runtime_checkable
class ReportsLoad(Protocol):
    """A model that can say how busy its server is."""

    async def metrics(self) -> ServerLoad | None:
        """Return the server's load, or None where it does not tell.

        Raises:
            TeacherError: the server did not answer.
        """
        ...


def parse_metrics(text: str) -> ServerLoad | None:
    """Return the load in `text`, a page in Prometheus' format, or None where the two gauges are not in it.

    Source: vLLM's `GET /metrics`, with one line of each gauge per engine.
    """
    counts: dict[str, int] = {}
    for name, value in GAUGE.findall(text):
        try:
            counts[name] = counts.get(name, 0) + int(float(value))
        except (ValueError, OverflowError):
            return None
    if counts.keys() != {"running", "waiting"}:
        return None
    return ServerLoad(counts["running"], counts["waiting"])
