"""A run's figures as TensorBoard reads them.

Written here and now: torch's `SummaryWriter` writes in a thread, which prints a traceback where the disk is full.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class Board:
    """A file of events; with `purge_from`, what earlier ones say of that step and later is void.

    Raises:
        OSError: it cannot be written; so does every method but `close`.
    """

    def __init__(self, folder: Path, purge_from: int | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / name).open("wb", buffering=0)
        self._records = RecordWriter(self._file)
        self._add(Event(file_version="brain.Event:2"))
        if purge_from is not None:
            self._add(Event(step=purge_from, session_log=SessionLog(status=SessionLog.START)))

    def write(self, step: int, figures: dict[str, float]) -> None:
        values = [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
        self._add(Event(step=step, summary=Summary(value=values)))

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()

    def _add(self, event: Event) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())
