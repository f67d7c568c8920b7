"""What the user sees while a job runs: a live line in a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from reflectgen.jobs.progress import Progress

PLAIN_SECONDS = 10.0  # between two lines where there is no terminal
VERDICT_STYLES = {"safe": "green", "controversial": "yellow", "unsafe": "red"}


@contextmanager
def shown(progress: Progress, paused_seconds: Callable[[], float | None], quiet: bool) -> Iterator[None]:
    """Show `progress`, and how long a server has been away, until the block ends."""
    console = Console(stderr=True)
    meter = _Meter(progress, paused_seconds)
    if quiet:
        yield
    elif console.is_terminal:
        with Live(console=console, get_renderable=meter.line, refresh_per_second=4, transient=True):
            yield
    else:
        with _plain_lines(console, meter):
            yield


@contextmanager
def _plain_lines(console: Console, meter: _Meter) -> Iterator[None]:
    ended = threading.Event()

    def speak() -> None:
        while not ended.wait(PLAIN_SECONDS):
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

    def __init__(self, progress: Progress, paused_seconds: Callable[[], float | None]) -> None:
        self._progress = progress
        self._paused_seconds = paused_seconds
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
        if p.num_reused:
            parts.append(f"{p.num_reused:,} reused")
        if (spent := p.spent()).tokens:
            cost = "" if spent.cost is None else f", cost {spent.cost:,.4g}"
            parts.append(f"{short(spent.tokens)} tokens{cost}")
        if p.num_rejected_rows:
            parts.append(f"{p.num_rejected_rows:,} rejected rows")
        text = Text(", ".join(parts))
        for verdict, style in VERDICT_STYLES.items():
            text.append(f"  {verdict} ").append(f"{p.verdicts[verdict]:,}", style=style)
        if (paused := self._paused_seconds()) is not None:
            text.append(f"  paused for {duration(paused)}: the server does not answer", "bold yellow")
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
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
