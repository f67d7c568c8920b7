"""One chunk on its way to an accepted reflection: ask, decide, keep, ask again, fall back."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from reflectgen.errors import RequestRejected
from reflectgen.filters.boilerplate import boilerplate_key
from reflectgen.filters.candidate import Candidate, Check, Filter
from reflectgen.filters.chain import first_rejection
from reflectgen.filters.checks import first_objection
from reflectgen.jobs.committer import Committer
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.provenances import Provenances
from reflectgen.jobs.reuse import Reuse
from reflectgen.records import (
    ACCEPTED,
    NO_NEIGHBOURS,
    Category,
    Chunk,
    Decision,
    Label,
    Neighbours,
    Reflection,
    Reply,
    Road,
    Verdict,
    reject,
)
from reflectgen.reflection.cascade import (
    SOUND_VERDICT_REASONS,
    CascadeOptions,
    fallback,
    request_key,
    resolve,
    wants_teacher,
)
from reflectgen.reflection.roles import Teacher
from reflectgen.store.reflections import REFUSAL, ReflectionRow

Keep = Callable[[ReflectionRow], Awaitable[None]]

REPLY_CHARACTERS = 4000  # of a reply that does not stand are kept for people to look at
REQUEST_REJECTED = "request_rejected"


@dataclass(frozen=True, slots=True)
class Work:
    """A chunk that has no accepted reflection yet, how many answers it has had, and what they amount to.

    `said` is the newest verdict of the teacher's that can be believed, though its words were rejected.
    """

    shard: int
    document: int  # row within the shard
    chunk: Chunk
    label: Label | None = None  # None: the guard has not been asked
    num_revisions: int = 0
    num_refusals: int = 0
    said: Reflection | None = None
    neighbours: Neighbours = NO_NEIGHBOURS
    begin: int = 0  # the first revision that counts as an attempt
    group: int = 0  # of chunks that share the seeds of their questions

    @property
    def known_label(self) -> Label:
        if self.label is None:
            raise ValueError("settle a chunk only after the guard has labelled it")
        return self.label

    def labelled(self, label: Label) -> Work:
        """Return the same with a label; not by `replace`, which is slow enough to show in a whole job's time."""
        return Work(
            self.shard,
            self.document,
            self.chunk,
            label,
            self.num_revisions,
            self.num_refusals,
            self.said,
            self.neighbours,
            self.begin,
            self.group,
        )


@dataclass(frozen=True, slots=True)
class Desk:
    """What settling a chunk needs, the same for every chunk of a job.

    The first of `teachers` is asked first, the next where one declines to answer. `reuse` is None where asking is free.
    """

    job_id: int
    teachers: Sequence[Teacher]
    provenances: Provenances
    cascade: CascadeOptions
    filters: Sequence[Filter]
    max_attempts: int
    committer: Committer[ReflectionRow]
    progress: Progress
    clock: Callable[[], float]
    checks: Sequence[Check] = ()
    bridges: bool = False  # the teacher writes hints, which need a chunk to lead to
    reuse: Reuse | None = None
    teacher_keys: Sequence[str] = ()  # of their provenances
    instructions: Sequence[str] = ()  # that go to each teacher with every chunk; empty where there are none

    def teacher_for(self, work: Work) -> int:
        return min(work.num_refusals, len(self.teachers) - 1)

    def request_key(self, work: Work) -> bytes:
        key = self.teacher_keys[self.teacher_for(work)]
        return request_key(key, work.num_revisions, work.chunk, work.neighbours)

    def wants_teacher(self, work: Work) -> bool:
        if not self.teachers or (self.bridges and not work.neighbours.after):
            return False
        return wants_teacher(work.chunk, work.known_label, self.cascade)

    def has_attempts_left(self, work: Work) -> bool:
        # Another teacher, after one has declined, is asked however often that one was.
        return work.num_revisions - work.begin < self.max_attempts + self.teacher_for(work)


async def settle(desk: Desk, work: Work, keep: Keep) -> None:
    """Bring a chunk to its reflection. Each answer goes through `keep` before the next is asked for.

    Raises:
        TeacherError: the teacher cannot be asked; what was answered before is kept.
        OutputError: the store refused.
    """
    if not desk.wants_teacher(work):
        label = work.known_label
        await keep(template_row(desk, work, Road.TEMPLATE, Reflection(label.verdict, label.category)))
        return
    while desk.has_attempts_left(work):
        row = await ask_once(desk, work, keep)
        if not row["reason"]:
            return
        work = after_rejection(work, row)
        if row["reason"] == REQUEST_REJECTED:
            break
    await keep(fallback_row(desk, work))


async def ask_once(desk: Desk, work: Work, keep: Keep) -> ReflectionRow:
    """Return the answer to a chunk's next question, kept; one that was given to the same question is taken over."""
    if desk.reuse is None:
        row = await ask(desk, work)
        await keep(row)
        return row
    key = desk.request_key(work)
    if work.num_revisions:
        await desk.reuse.look_up([key])
    known = await desk.reuse.find(key)
    if known is not None and _same_label(known, work.known_label):
        row = _taken_over(desk, work, known)
        await keep(row)
        return row
    kept = None
    try:
        row = await ask(desk, work)
        if known is None:
            row["request_key"] = key
        await keep(row)
        kept = row if row["reason"] != REQUEST_REJECTED else None
    finally:
        if known is None:
            desk.reuse.asked(key, kept)
    return row


async def ask(desk: Desk, work: Work) -> ReflectionRow:
    """Ask the teacher once and decide; return the row to keep."""
    number, attempt = desk.teacher_for(work), work.num_revisions
    road = Road.ASKED_AGAIN if attempt > work.begin else Road.TEACHER
    try:
        reply = await desk.teachers[number].reflect(work.chunk, work.known_label, attempt, work.neighbours, work.group)
    except RequestRejected as error:
        decision = reject(REQUEST_REJECTED, str(error)[:200])
        return reflection_row(desk, work, road, desk.provenances.teacher(number, ""), None, decision)
    candidate = Candidate(work.chunk, work.known_label, reply, work.neighbours, desk.instructions[number])
    decision = await _decide(desk, candidate)
    said = written = reply.reflection
    if decision.accepted and said:
        written = resolve(work.known_label, said, desk.cascade)
        if written.verdict is not said.verdict:
            road = Road.OVERRULED
    return reflection_row(desk, work, road, desk.provenances.teacher(number, reply.endpoint), written, decision, reply)


async def _decide(desk: Desk, candidate: Candidate) -> Decision:
    decision = first_rejection(candidate, desk.filters)
    return await first_objection(candidate, desk.checks) if decision.accepted and desk.checks else decision


def after_rejection(work: Work, row: ReflectionRow) -> Work:
    """Return the chunk as it stands after an answer that was rejected."""
    said = work.said
    if row["reason"] in SOUND_VERDICT_REASONS and row["verdict"]:
        said = Reflection(Verdict(row["verdict"]), Category(row["category"]))
    num_refusals = work.num_refusals + (row["reason"] == REFUSAL)
    return replace(work, num_revisions=work.num_revisions + 1, num_refusals=num_refusals, said=said)


def fallback_row(desk: Desk, work: Work) -> ReflectionRow:
    """Return the template for a chunk none of whose answers was accepted."""
    return template_row(desk, work, Road.FALLBACK, fallback(work.known_label, work.said, desk.cascade))


def template_row(desk: Desk, work: Work, road: Road, written: Reflection) -> ReflectionRow:
    return reflection_row(desk, work, road, desk.provenances.template, written, ACCEPTED)


def reflection_row(
    desk: Desk,
    work: Work,
    road: Road,
    provenance_id: int,
    written: Reflection | None,
    decision: Decision,
    reply: Reply | None = None,
) -> ReflectionRow:
    """Return one answer and the decision on it as a row of the store."""
    chunk, label = work.chunk, work.known_label
    rationale = _storable(written.rationale) if written else ""
    said = reply.reflection if reply else None
    stands = decision.accepted and road is not Road.OVERRULED
    return {
        "job_id": desk.job_id,
        "shard": work.shard,
        "document": work.document,
        "chunk": chunk.index,
        "revision": work.num_revisions,
        "start": chunk.start,
        "end": chunk.end,
        "guard_verdict": label.verdict.value,
        "guard_category": label.category.value,
        "guard_score": label.score,
        "guard_native": _storable(label.native),
        "guard_provenance_id": desk.provenances.guard(label.endpoint),
        "reason": decision.reason,
        "detail": _storable(decision.detail),
        "teacher_verdict": said.verdict.value if said else None,
        "teacher_category": said.category.value if said else None,
        "verdict": written.verdict.value if written else None,
        "category": written.category.value if written else None,
        "rationale": rationale,
        "evidence": _storable(written.evidence) if written else "",
        "road": road.value,
        "chunk_key": hashlib.blake2b(chunk.text.encode(), digest_size=16).digest(),
        "rationale_key": boilerplate_key(rationale) if reply and decision.accepted and rationale else None,
        "reply": _storable(reply.text[:REPLY_CHARACTERS]) if reply and not stands else "",
        "request_key": None,
        "reused_from": "",
        "seed": reply.seed if reply else 0,
        "prompt_tokens": reply.prompt_tokens if reply else 0,
        "completion_tokens": reply.completion_tokens if reply else 0,
        "provenance_id": provenance_id,
        "created_at": desk.clock(),
    }


def _same_label(row: ReflectionRow, label: Label) -> bool:
    return bool(row["guard_verdict"] == label.verdict.value and row["guard_category"] == label.category.value)


def _taken_over(desk: Desk, work: Work, row: ReflectionRow) -> ReflectionRow:
    """Return another chunk's answer as this one's; it cost nothing here."""
    place = f"{row['shard']}/{row['document']}/{row['chunk']}/{row['revision']}"
    return row | {
        "shard": work.shard,
        "document": work.document,
        "chunk": work.chunk.index,
        "revision": work.num_revisions,
        "start": work.chunk.start,
        "end": work.chunk.end,
        "guard_score": work.known_label.score,
        "guard_native": _storable(work.known_label.native),
        "request_key": None,
        "reused_from": place,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "created_at": desk.clock(),
    }


def note(progress: Progress, row: ReflectionRow) -> None:
    """Count a row that has been kept."""
    asked = row["road"] in (Road.TEACHER, Road.ASKED_AGAIN)
    progress.num_replies += asked or row["road"] == Road.OVERRULED
    progress.num_reused += bool(row["reused_from"])
    progress.num_not_asked += row["road"] == Road.TEMPLATE
    if not row["reason"]:
        progress.num_accepted += asked
        progress.num_settled += 1
        progress.verdicts[row["verdict"]] += 1


def _storable(text: str) -> str:
    """Lone surrogates, which JSON can spell and no database takes, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
