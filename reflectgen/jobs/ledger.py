"""Working under leases: what a worker holds, how it keeps it, and how it finds out that it no longer does."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from operator import attrgetter
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, select

from reflectgen.errors import OutputError, ReflectgenError
from reflectgen.logs import about
from reflectgen.store import Store, tasks
from reflectgen.store.tables import job
from reflectgen.store.tasks import Claim

BEATS_PER_LEASE = 4
FINISH_SECONDS = 20.0  # calls in flight get so long once a worker is to go or its job is held
TICK_SECONDS = 0.5  # how soon a worker that is told to go notices


class LeaseLost(ReflectgenError):
    """A task is no longer ours; whoever has it now goes on from what is committed."""


def about_claim(claim: Claim) -> AbstractContextManager[object]:
    """Have what is logged in the block say which task it is about."""
    return about(task=claim.id, kind=claim.kind, shard=claim.number, attempt=claim.token)


def owner() -> str:
    """Return what a claim is signed with."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Leases:
    """The tasks that this worker holds, kept alive by a thread of their own until the block ends.

    `on_end` is called, once and from that thread, when the work should stop: the job is held, the worker is to go, or
    a lease is lost. `why` then says which. `at_fault` is the one task over which the work failed, where that is known.
    """

    def __init__(
        self,
        store: Store,
        lease_seconds: float,
        on_end: Callable[[], None],
        is_to_go: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._lease_seconds = lease_seconds
        self._on_end = on_end
        self._is_to_go = is_to_go
        self._claims: list[Claim] = []
        self._extended: set[Claim] = set()  # by a transaction since the last beat
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.why = ""
        self.at_fault: Claim | None = None

    @property
    def store(self) -> Store:
        return self._store

    def claim(self, task_id: int) -> Claim | None:
        """Claim a task and hold it; None where it is not to be had."""
        with self._store.write() as connection:
            claim = tasks.claim(connection, task_id, owner(), self._lease_seconds)
        return self._hold(claim)

    def claim_next(self, job_id: int, kind: str) -> Claim | None:
        """Claim and hold the next task of a kind that a job has to offer; None: it has none."""
        with self._store.write() as connection:
            claim = tasks.claim_next(connection, job_id, kind, owner(), self._lease_seconds)
        return self._hold(claim)

    @property
    def claims(self) -> list[Claim]:
        with self._lock:
            return list(self._claims)

    @property
    def fenced(self) -> Store:
        """The store, whose every change asks first whether all that is held is still ours."""
        return self._store.fenced(self.check)

    def drop(self, claim: Claim) -> None:
        """Hold a task no longer; it was ended or given back."""
        with self._lock:
            self._claims.remove(claim)

    def check(self, connection: Connection) -> None:
        """Keep what is held from being claimed until the caller's transaction ends.

        Raises:
            LeaseLost: a task is another's by now, and nothing may be written.
        """
        with self._lock:
            # In one order: transactions that lock several rows in different orders would wait for each other.
            claims = sorted(self._claims, key=attrgetter("id"))
            extends = not self._extended.issuperset(claims)
            self._extended.update(claims)
        if extends:
            # A worker writes of several shards at once: which of them goes on, `note_progress` is told.
            held = [one for one in claims if self._is_held(connection, one, progress=one.kind != "reflect")]
        else:
            held = tasks.held_fast(connection, claims)
        still = self.claims  # without those that were ended while their lock was waited for
        if any(claim in still for claim in claims if claim not in held):
            raise LeaseLost("another worker has taken a task over; this one stops")

    def note_progress(self, claim: Claim) -> None:
        """Forget earlier attempts at a task: something of it was committed."""
        with self._store.write() as connection:
            self._is_held(connection, claim, progress=True)

    def finish(self, connection: Connection, claim: Claim) -> None:
        """End a task and hold it no longer; first in a transaction that locks no other task, and so is its own fence.

        Raises:
            LeaseLost: it is another's by now, and nothing may be written.
        """
        if not tasks.finish(connection, claim):
            raise LeaseLost("another worker has taken a task over; this one stops")
        self.drop(claim)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._heart.join()

    def _hold(self, claim: Claim | None) -> Claim | None:
        if claim is not None:
            with self._lock:
                self._claims.append(claim)
        return claim

    def _is_held(self, connection: Connection, claim: Claim, *, progress: bool) -> bool:
        return tasks.is_held(connection, [claim], self._lease_seconds, progress=progress)

    def _beat(self) -> None:
        waited = 0.0
        while not self._ended.wait(TICK_SECONDS):
            waited += TICK_SECONDS
            if self._is_to_go():
                self._end("the worker is to go")
            if waited * BEATS_PER_LEASE < self._lease_seconds:
                continue
            waited = 0.0
            # The database may be away for a while: the next beat tries again, and the fence has the last word.
            with suppress(OutputError):
                if (why := self._extend()) is not None:
                    self._end(why)

    def _extend(self) -> str | None:
        with self._lock:
            self._extended.clear()
        for claim in self.claims:
            with self._store.write() as connection:
                is_held = self._is_held(connection, claim, progress=False)
                hold = connection.execute(select(job.c.hold).where(job.c.id == claim.job_id)).scalar_one_or_none()
            if not is_held and claim in self.claims:  # else it was ended meanwhile
                return "a lease was lost"
            if hold:
                return f"the job is {hold}"
        return None

    def _end(self, why: str) -> None:
        if not self.why:
            self.why = why
            self._on_end()
