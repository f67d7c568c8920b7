"""What the user sees while a job runs: a live line in a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from reflectgen.jobs.progress import Progress
from reflectgen.jobs.roles import Roles
from reflectgen.llm.status import State

PLAIN_SECONDS = 10.0  # between two lines where there is no terminal
VERDICT_STYLES = {"safe": "green", "controversial": "yellow", "unsafe": "red"}


@contextmanager
def shown(
    progress: Progress, troubles: Callable[[], Sequence[str]], quiet: bool, plain_seconds: float = PLAIN_SECONDS
) -> Iterator[None]:
    """Show `progress`, and what troubles there are with endpoints, until the block ends."""
    console = Console(stderr=True)
    meter = _Meter(progress, troubles)
    if quiet:
        yield
    elif console.is_terminal:
        with Live(console=console, get_renderable=meter.line, refresh_per_second=4, transient=True):
            yield
    else:
        with _plain_lines(console, meter, plain_seconds):
            yield


def troubles_of(roles: Roles) -> list[str]:
    """Return a phrase for each role that has to do without some of its endpoints."""
    said = []
    for bound in roles.bound:
        status = bound.pool.status
        num_away = sum(endpoint.state is not State.READY for endpoint in status.endpoints)
        if status.paused_seconds is not None:
            said.append(f"{bound.role} paused for {duration(status.paused_seconds)}: no endpoint answers")
        elif num_away:
            said.append(f"{bound.role}: {num_away} of {len(status.endpoints)} endpoints away")
    return said


@contextmanager
def _plain_lines(console: Console, meter: _Meter, plain_seconds: float) -> Iterator[None]:
    ended = threading.Event()

    def speak() -> None:
        while not ended.wait(plain_seconds):
            console.print(meter.line(), soft_wrap=True, highlight=False)

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        ended.set()
        speaker.join()


class _Meter:
    """Turns a job's progress into one line."""

    def __init__(self, progress: Progress, troubles: Callable[[], Sequence[str]]) -> None:
        self._progress = progress
        self._troubles = troubles
        self._began = time.monotonic()

    def line(self) -> Text:
        p = self._progress
        if p.stage == "exporting":
            return Text(f"exporting: {p.num_exported_documents:,} of {p.num_documents:,} documents")
        if p.stage == "reading" and not p.num_chunks:
            return Text(f"reading: {p.num_documents:,} documents, {p.num_rejected_rows:,} rejected rows")
        seconds = max(time.monotonic() - self._began, 1e-9)
        rate = (p.num_settled - p.num_settled_before) / seconds
        total = f"{p.num_chunks:,}" if p.ingested else f"{p.num_chunks:,}+"
        parts = [f"{p.stage}: {p.num_settled:,} of {total} chunks", f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s"]
        if p.ingested and rate:
            parts.append(f"{duration((p.num_chunks - p.num_settled) / rate)} left")
        if p.num_replies:
            parts.append(f"{p.num_accepted / p.num_replies:.1%} accepted")
        if (spent := p.spent()).tokens:
            cost = "" if spent.cost is None else f", cost {spent.cost:,.4g}"
            parts.append(f"{short(spent.tokens)} tokens{cost}")
            if p.num_calls_saved:
                parts.append(f"{p.num_calls_saved:,} calls saved")
        if p.num_rejected_rows:
            parts.append(f"{p.num_rejected_rows:,} rejected rows")
        text = Text(", ".join(parts))
        for verdict, style in VERDICT_STYLES.items():
            text.append(f"  {verdict} ").append(f"{p.verdicts[verdict]:,}", style=style)
        if troubles := "; ".join(self._troubles()):
            text.append(f"  {troubles}", "bold yellow")
        return text


def duration(seconds: float) -> str:
    """Say a number of seconds as people do: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def short(number: int) -> str:
    """Say a large number in three digits: 812, 1.24 k, 35.1 M."""
    for unit, size in (("k", 10**3), ("M", 10**6), ("G", 10**9)):
        if number < 1000 * size - size / 2 and number >= 1000:
            return f"{number / size:.3g} {unit}"
    return str(number) if number < 1000 else f"{number / 10**12:,.3g} T"
