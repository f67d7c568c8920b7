"""From rows of the store to what people see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import Connection

from reflectgen.api import schemas as s
from reflectgen.api.problems import without_places
from reflectgen.jobs.export_request import ExportOptions
from reflectgen.jobs.service import status_of
from reflectgen.records import Category, Road, Verdict
from reflectgen.store import exports, pages, reviews, tasks
from reflectgen.store.corpora import Corpus
from reflectgen.store.exports import Export
from reflectgen.store.jobs import Job
from reflectgen.store.pages import Figures
from reflectgen.store.reviews import Place, Review
from reflectgen.store.trainings import Training

_TIMES = {"completed": "completed_at", "failed": "failed_at", "paused": "paused_at", "reviewing": "finalizing_at"}


def job_view(connection: Connection, job: Job) -> s.JobView:
    return job_views(connection, [job])[0]


def job_views(connection: Connection, found: Sequence[Job]) -> list[s.JobView]:
    """Return several jobs as people see them, in hardly more queries than for one."""
    if not found:
        return []
    ids = [job.id for job in found]
    figures, rejected_at = pages.figures_of(connection, ids), reviews.last_rejection_at(connection, ids)
    return [_job(connection, job, figures[job.id], rejected_at.get(job.id)) for job in found]


def _job(connection: Connection, job: Job, figures: Figures, rejected_at: float | None) -> s.JobView:
    status = status_of(connection, job)
    request = (job.request or {}).get("request", {})
    times = {name: int(figures.times[kind]) for kind, name in _TIMES.items() if kind in figures.times}
    if "cancelled" in figures.times:
        times["cancelling_at"] = int(figures.times["cancelled"])
        if status == "cancelled":
            times["cancelled_at"] = times["cancelling_at"]
    if "planned" in figures.times:
        times["in_progress_at"] = int(figures.times["planned"])
    set_aside = tasks.quarantined(connection, job.id) if _any_set_aside(figures) else []
    shown = s.JobView(
        id=job.public_id or "",
        status=status,
        created_at=int(job.created_at),
        request_counts=s.RequestCounts(
            total=figures.num_chunks, completed=figures.num_settled, failed=figures.num_set_aside
        ),
        ledger=s.Ledger(
            num_rows=figures.num_rows,
            num_documents=figures.num_documents,
            num_rejected_rows=figures.num_rejected_rows,
            num_chunks=figures.num_chunks,
            tasks=figures.tasks,
            set_aside=[s.SetAside(kind=k, number=n, error=without_places(error)) for k, n, error in set_aside],
        ),
        corpus=request.get("corpus", ""),
        recipe=request.get("recipe", "builtin"),
        error=without_places(job.error) or None,
        stale_exports=[
            export.public_id
            for export in (exports.of_job(connection, job.id) if rejected_at else [])
            if is_stale(export, rejected_at)
        ],
        metadata=request.get("metadata", {}),
    )
    return shown.model_copy(update=times)


def _any_set_aside(figures: Figures) -> bool:
    return any("quarantined" in states for states in figures.tasks.values())


def is_stale(made: Export | Training, rejected_at: float | None) -> bool:
    """Whether something was rejected since it was asked for; it may then show what no longer stands."""
    return rejected_at is not None and rejected_at >= made.created_at


def corpus_view(found: Corpus) -> s.CorpusView:
    return s.CorpusView(
        id=found.public_id,
        name=found.name,
        num_bytes=found.num_bytes,
        sha256=found.sha256 or None,
        created_at=int(found.created_at),
    )


def export_view(
    export: Export, job_id: str, rejected_at: float | None, error: str | None, files: Sequence[s.ExportFile] = ()
) -> s.ExportView:
    options = ExportOptions.model_validate(export.options)
    return s.ExportView(
        id=export.public_id,
        job=job_id,
        status="completed" if export.folder else "in_progress" if error is None else "failed",
        created_at=int(export.created_at),
        completed_at=None if export.finished_at is None else int(export.finished_at),
        error=error,
        formats=list(options.formats) or None,
        arm=options.arm.name,
        tokenizer=options.tokenizer,
        is_stale=is_stale(export, rejected_at),
        manifest_sha256=export.manifest_sha256 or None,
        files=list(files),
    )


_STATUS_OF_TRAINING: dict[str, Literal["waiting", "running", "done", "failed"]] = {
    "ready": "waiting",
    "leased": "running",
    "done": "done",
    "quarantined": "failed",
}


def training_view(
    training: Training, job_id: str, rejected_at: float | None, files: Sequence[s.ExportFile] = ()
) -> s.TrainingView:
    return s.TrainingView(
        id=training.public_id,
        job=job_id,
        training=training.wanted["name"],
        arm=training.wanted["arm"],
        status=_STATUS_OF_TRAINING[training.task_state],
        created_at=int(training.created_at),
        completed_at=None if training.finished_at is None else int(training.finished_at),
        step=training.step,
        num_steps=training.num_steps or None,
        loss=training.loss,
        error=without_places(training.error) or None,
        is_stale=is_stale(training, rejected_at),
        manifest_sha256=training.manifest_sha256 or None,
        files=list(files),
    )


def reflection_view(row: Any, document_id: str, text: str, said: Sequence[Review]) -> s.ReflectionView:
    return s.ReflectionView(
        id=written_place((row.shard, row.document, row.chunk)),
        document_id=document_id,
        start=row.start,
        end=row.end,
        text=text,
        revision=row.revision,
        verdict=Verdict(row.verdict),
        category=Category(row.category),
        rationale=row.rationale,
        evidence=row.evidence,
        road=Road(row.road),
        guard_verdict=Verdict(row.guard_verdict),
        guard_category=Category(row.guard_category),
        guard_score=row.guard_score,
        teacher_verdict=row.teacher_verdict,
        teacher_category=row.teacher_category,
        reviews=[review_view(one) for one in said],
    )


def review_view(said: Review) -> s.ReviewView:
    return s.ReviewView(
        revision=said.revision,
        decision="accept" if said.is_accepted else "reject",
        reviewer=said.reviewer,
        reason=said.reason,
        created_at=int(said.created_at),
    )


def written_place(place: Place) -> str:
    return "-".join(map(str, place))


def read_place(written: str) -> Place:
    """Read a place that fits `schemas.PLACE`."""
    shard, document, chunk = (min(int(part), 2**31 - 1) for part in written.split("-"))
    return shard, document, chunk


def event_body(body: dict[str, Any]) -> dict[str, Any]:
    """Return an event's body without the addresses that its errors may name."""
    return {key: without_places(value) if isinstance(value, str) else value for key, value in body.items()}
