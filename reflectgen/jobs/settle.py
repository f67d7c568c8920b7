"""One chunk on its way to an accepted reflection: ask, decide, keep, ask again, fall back."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from reflectgen.errors import RequestRejected
from reflectgen.filters.boilerplate import boilerplate_key
from reflectgen.filters.candidate import Candidate, Filter
from reflectgen.filters.chain import first_rejection
from reflectgen.jobs.committer import Committer
from reflectgen.jobs.progress import Progress
from reflectgen.records import ACCEPTED, Category, Chunk, Decision, Label, Reflection, Reply, Road, reject
from reflectgen.reflection.roles import Teacher
from reflectgen.store.reflections import ReflectionRow

Keep = Callable[[ReflectionRow], Awaitable[None]]

REPLY_CHARACTERS = 4000  # of a rejected reply are kept for people to look at

# A contextual reflection could itself say too much about these, so they get the template form only.
TEMPLATE_ONLY = frozenset({Category.CHILD_SEXUAL_EXPLOITATION, Category.INDISCRIMINATE_WEAPONS})


@dataclass(frozen=True, slots=True)
class Work:
    """A chunk that has no accepted reflection yet, and how many answers it has had."""

    shard: int
    document: int  # row within the shard
    chunk: Chunk
    label: Label | None = None  # None: the guard has not been asked
    num_revisions: int = 0

    @property
    def known_label(self) -> Label:
        if self.label is None:
            raise ValueError("settle a chunk only after the guard has labelled it")
        return self.label


@dataclass(frozen=True, slots=True)
class ProvenanceIds:
    """Who labels, who writes, and who stands behind the template: the guard, in another role."""

    guard: int
    teacher: int
    template: int


@dataclass(frozen=True, slots=True)
class Desk:
    """What settling a chunk needs, the same for every chunk of a job."""

    job_id: int
    teacher: Teacher | None
    provenance_ids: ProvenanceIds
    filters: Sequence[Filter]
    max_attempts: int
    committer: Committer[ReflectionRow]
    progress: Progress
    clock: Callable[[], float]


async def settle(desk: Desk, work: Work, keep: Keep) -> None:
    """Bring a chunk to its reflection. Each answer goes through `keep` before the next is asked for.

    Raises:
        TeacherError: the teacher cannot be asked; what was answered before is kept.
        OutputError: the store refused.
    """
    if _wants_template(desk, work):
        await keep(template_row(desk, work, Road.TEMPLATE))
        return
    while work.num_revisions < desk.max_attempts:
        row, final = await ask(desk, work)
        await keep(row)
        if not row["reason"]:
            return
        work = replace(work, num_revisions=work.num_revisions + 1)
        if final:
            break
    await keep(template_row(desk, work, Road.FALLBACK))


async def ask(desk: Desk, work: Work) -> tuple[ReflectionRow, bool]:
    """Ask the teacher once; return the row to keep, and whether asking again would be in vain."""
    assert desk.teacher is not None
    attempt = work.num_revisions
    try:
        reply = await desk.teacher.reflect(work.chunk, work.known_label, attempt)
    except RequestRejected as error:
        reply, final = Reply("", None, "request_rejected"), True
        decision = reject("request_rejected", str(error)[:200])
    else:
        final = False
        decision = first_rejection(Candidate(work.chunk, work.known_label, reply), desk.filters)
    road = Road.ASKED_AGAIN if attempt else Road.TEACHER
    return reflection_row(desk, work, road, desk.provenance_ids.teacher, reply.reflection, decision, reply), final


def template_row(desk: Desk, work: Work, road: Road) -> ReflectionRow:
    """Return the row of the guard's label in the template form."""
    written = Reflection(work.known_label.verdict, work.known_label.category)
    return reflection_row(desk, work, road, desk.provenance_ids.template, written, ACCEPTED)


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
    from_teacher = reply is not None and decision.accepted
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
        "guard_provenance_id": desk.provenance_ids.guard,
        "reason": decision.reason,
        "detail": _storable(decision.detail),
        "verdict": written.verdict.value if written else None,
        "category": written.category.value if written else None,
        "rationale": rationale,
        "evidence": _storable(written.evidence) if written else "",
        "road": road.value,
        "chunk_key": hashlib.blake2b(chunk.text.encode(), digest_size=16).digest(),
        "rationale_key": boilerplate_key(rationale) if from_teacher and rationale else None,
        "reply": _storable(reply.text[:REPLY_CHARACTERS]) if reply and not decision.accepted else "",
        "seed": reply.seed if reply else 0,
        "prompt_tokens": reply.prompt_tokens if reply else 0,
        "completion_tokens": reply.completion_tokens if reply else 0,
        "provenance_id": provenance_id,
        "created_at": desk.clock(),
    }


def note(progress: Progress, row: ReflectionRow) -> None:
    """Count a row that has been kept."""
    asked = row["road"] in (Road.TEACHER, Road.ASKED_AGAIN)
    progress.num_replies += asked
    if not row["reason"]:
        progress.num_accepted += asked
        progress.num_settled += 1
        progress.verdicts[row["verdict"]] += 1


def _wants_template(desk: Desk, work: Work) -> bool:
    """Nothing to write about, or nothing that should be written about at length."""
    return desk.teacher is None or work.known_label.category in TEMPLATE_ONLY or work.chunk.text.isspace()


def _storable(text: str) -> str:
    """Lone surrogates, which JSON can spell and no database takes, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
