"""A worker: it claims the task that it is told of, does it under a lease, and gives it back when something is wrong."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

from reflectgen.errors import (
    InputError,
    OutputError,
    PromptError,
    RecipeError,
    ReflectgenError,
    TeacherNotFound,
    TeacherUnauthorized,
    TeacherUnavailable,
    TrainingError,
    VerificationError,
)
from reflectgen.jobs.advance import advance, hold, note
from reflectgen.jobs.archive import archive_job
from reflectgen.jobs.desk import make_desk
from reflectgen.jobs.disagreements import write_disagreements
from reflectgen.jobs.do_export import export, remove_others
from reflectgen.jobs.do_plan import plan
from reflectgen.jobs.do_reflect import reflect
from reflectgen.jobs.do_train import FINISH_SECONDS as TRAIN_FINISH_SECONDS
from reflectgen.jobs.do_train import tidy, train
from reflectgen.jobs.ledger import FINISH_SECONDS, LeaseLost, Leases, about_claim
from reflectgen.jobs.limits import keep_within_limits
from reflectgen.jobs.look_across import look_across
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.queue import Queue
from reflectgen.jobs.registry import Registry
from reflectgen.jobs.session import Session, Sessions
from reflectgen.logs import about, bind_contextvars
from reflectgen.store import Store, exports, jobs, tasks, trainings
from reflectgen.store.jobs import Job
from reflectgen.store.tasks import Claim, Doorbell
from reflectgen.traces import span

OUTAGE_WAIT_SECONDS = 15.0  # before a task is tried again whose teacher, database or disk was away
CRASH_WAIT_SECONDS = 2.0

# What a person has to mend: the job waits for that, paused, and nothing of it is lost.
NEEDS_A_PERSON = (TeacherUnauthorized, TeacherNotFound)
# What no second attempt would mend.
HOPELESS = (RecipeError, PromptError, VerificationError)
HOPELESS_TRAINING = (*HOPELESS, InputError, TrainingError)

log = logging.getLogger(__name__)


class Worker:
    """Does tasks, one after the other, in one process with one event loop; clients stay open between them."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        registry: Callable[[], Registry],
        data: Path,
        *,
        lease_seconds: float,
        is_to_go: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._queue = queue
        self._data = data
        self._lease_seconds = lease_seconds
        self._is_to_go = is_to_go
        self._runner = asyncio.Runner()
        self._sessions = Sessions(store, registry)

    def do(self, task_id: int) -> bool:
        """Do a task, if it can be claimed; return whether it could."""
        return self._runner.run(self._do(task_id))

    def close(self) -> None:
        self._runner.run(self._sessions.close())
        self._runner.close()

    async def _do(self, task_id: int) -> bool:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        work: asyncio.Future[None] | None = None
        finish_seconds = FINISH_SECONDS

        def begin_to_end() -> None:
            stop.set()
            if work is not None:
                loop.call_later(finish_seconds, work.cancel)

        def end() -> None:
            loop.call_soon_threadsafe(begin_to_end)

        leases = Leases(self._store, self._lease_seconds, end, self._is_to_go)
        claim = leases.claim(task_id)
        if claim is None:
            return False
        if claim.kind == "train":
            finish_seconds = TRAIN_FINISH_SECONDS
        # Who reflects goes on from shard to shard: there each line says for itself which one it is about.
        bound = nullcontext() if claim.kind == "reflect" else about_claim(claim)
        with leases, about(job=""), bound:
            job: Job | None = None
            try:
                with self._store.read() as connection:
                    job = jobs.get(connection, claim.job_id)
                if job is not None:
                    name = str(job.public_id)
                    bind_contextvars(job=name)
                    with span(claim.kind, job=name, task=task_id, shard=claim.number, attempt=claim.token):
                        work = asyncio.ensure_future(self._work(job, claim, leases, stop))
                        await work
                self._give_back(leases, leases.claims, "")
            except asyncio.CancelledError:
                _tell(leases.claims, f"given up: what was in flight took longer than {finish_seconds:g} s")
                self._give_back(leases, leases.claims, "")
            except LeaseLost as lost:
                _tell(leases.claims, str(lost))
                with suppress(OutputError):
                    self._give_back(leases, leases.claims, "")
            except Exception as error:
                self._mend(error, job, leases, claim)
                # A pool of endpoints that has given up stays so: the next attempt knocks with fresh ones.
                await self._sessions.close()
        return True

    async def _work(self, job: Job, claim: Claim, leases: Leases, stop: asyncio.Event) -> None:
        folder = self._data / "jobs" / str(job.public_id)
        if claim.kind == "train":  # no endpoint is asked any more
            await self._train(leases, job, folder, claim, stop)
            return
        session = await self._sessions.of(job)
        store = leases.fenced
        keeping = asyncio.create_task(keep_within_limits(self._store, job, session))
        try:
            if claim.kind == "plan":
                if await plan(store, self._queue, job, session, folder, stop):
                    self._finish(leases, job, claim, "planned")
            elif claim.kind == "reflect":
                await reflect(store, leases, self._queue, job, session, folder, claim, stop)
            elif claim.kind == "review":
                await self._review(store, job, session, folder, stop)
                if not stop.is_set():
                    self._finish(leases, job, claim, "reviewed")
            elif claim.kind == "archive":
                await asyncio.to_thread(archive_job, store, job, folder, stop.is_set)
                if not stop.is_set():
                    self._finish(leases, job, claim, "archived")
            else:
                name, sha256 = await asyncio.to_thread(export, store, job, session.recipe, folder, claim)
                self._finish(
                    leases, job, claim, "exported", lambda c: exports.finish(c, job.id, claim.number, name, sha256)
                )
                remove_others(folder, name)
        finally:
            keeping.cancel()
            session.accounts.flush()

    async def _review(self, store: Store, job: Job, session: Session, folder: Path, stop: asyncio.Event) -> None:
        await asyncio.to_thread(store.gather_statistics, job.id)
        progress = Progress()
        desk = make_desk(store, job.id, session.recipe, session.roles, progress, time.time, is_new=False)
        slots, budget = session.file.num_slots, session.budget(progress)
        await look_across(store, folder, desk, session.recipe, slots, budget, stop)
        if not stop.is_set():
            await asyncio.to_thread(write_disagreements, store, job.id, folder)

    async def _train(self, leases: Leases, job: Job, folder: Path, claim: Claim, stop: asyncio.Event) -> None:
        trained = await train(leases, job, folder, claim, stop)
        if trained is not None:
            self._finish(leases, job, claim, "trained", lambda c: trainings.finish(c, job.id, claim.number, *trained))
            remove_others(folder, trained[0])
            tidy(folder / trained[0])

    def _finish(
        self, leases: Leases, job: Job, claim: Claim, event: str, also: Callable[..., None] = lambda _connection: None
    ) -> None:
        """End a task and ring for what follows, in one transaction."""
        with self._store.write() as connection:
            leases.finish(connection, claim)
            also(connection)
            note(connection, job.id, event, number=claim.number)
            bells = advance(connection, job.id)
        log.info(event)
        self._queue.ring(bells)

    def _give_back(
        self, leases: Leases, claims: Sequence[Claim], error: str, wait_seconds: float = 0.0, *, counts: bool = False
    ) -> None:
        if not claims:
            return
        with self._store.write() as connection:
            tasks.release(connection, claims, error, wait_seconds=wait_seconds, counts=counts)
        for claim in claims:
            leases.drop(claim)
        if not wait_seconds:
            self._queue.ring([Doorbell(claim.kind, claim.id) for claim in claims])

    def _mend(self, error: Exception, job: Job | None, leases: Leases, first: Claim) -> None:
        """Decide by the error's type what becomes of the tasks and the job."""
        said, held = _said(error), leases.claims
        at_fault = [one for one in held if one == leases.at_fault] or held
        hopeless = isinstance(error, HOPELESS) or (isinstance(error, InputError) and "plan" in {c.kind for c in held})
        hopeless = hopeless and (job is None or job.state != "finished")  # a later export cannot undo a finished job
        _tell(at_fault or [first], said, error)
        try:
            if job is not None and first.kind == "train" and isinstance(error, HOPELESS_TRAINING):
                self._set_aside(leases, job, first, said)
            elif job is not None and (hopeless or isinstance(error, NEEDS_A_PERSON)):
                with self._store.write() as connection:
                    hold(connection, job.id, "failed" if hopeless else "paused", said)
                self._give_back(leases, held, said)
            elif isinstance(error, TeacherUnavailable | OutputError):
                self._give_back(leases, held, said, OUTAGE_WAIT_SECONDS)
            else:
                self._give_back(leases, at_fault, said, CRASH_WAIT_SECONDS, counts=True)
                self._give_back(leases, leases.claims, "")
        except OutputError as away:  # the database: leases run out by themselves
            _tell(leases.claims, f"not given back: {away}")

    def _set_aside(self, leases: Leases, job: Job, claim: Claim, said: str) -> None:
        """Set a training aside that no second attempt would mend; its job is completed, and stays so."""
        with self._store.write() as connection:
            if tasks.set_aside(connection, claim, said):
                note(connection, job.id, "quarantined", task=claim.kind, number=claim.number, error=said)
        leases.drop(claim)


def _tell(claims: Sequence[Claim], said: str, error: Exception | None = None) -> None:
    """Log what befell each of `claims`; with a traceback, once, where nobody foresaw it."""
    unforeseen = None if error is None or isinstance(error, ReflectgenError) else error
    for number, claim in enumerate(claims):
        with about_claim(claim):
            log.log(
                logging.ERROR if unforeseen else logging.WARNING, "%s", said, exc_info=None if number else unforeseen
            )


def _said(error: Exception) -> str:
    text = str(error) if isinstance(error, ReflectgenError) else f"{type(error).__name__}: {error}"
    return text.replace("\n", " ")[:500]
