"""What the routes take and give, as OpenAPI shows it."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from reflectgen.export.any_format import AnyFormat
from reflectgen.export.arms.options import ArmName
from reflectgen.jobs.service import Status
from reflectgen.records import Category, Road, Verdict

Shown = TypeVar("Shown", bound=BaseModel)

CORPUS_ID = r"^corpus_[0-9a-f]{24}$"
JOB_ID = r"^job_[0-9a-f]{24}$"
EXPORT_ID = r"^export_[0-9a-f]{24}$"
TRAINING_ID = r"^training_[0-9a-f]{24}$"
PLACE = r"^[0-9]{1,10}-[0-9]{1,10}-[0-9]{1,10}$"


def _on_one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds a line break or a character that is not printable")
    return text


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_on_one_line)]


class Page(BaseModel, Generic[Shown]):
    """A page of a list. `last_id` is what `after` of the next page is to be, where `has_more` says there is one."""

    object: Literal["list"] = "list"
    data: list[Shown]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


def page_of(shown: list[Any], *, has_more: bool = False) -> Page[Any]:
    """Return a page of views that have an `id`."""
    first_id, last_id = (shown[0].id, shown[-1].id) if shown else (None, None)
    return Page(data=shown, first_id=first_id, last_id=last_id, has_more=has_more)


class CorpusView(BaseModel):
    """A corpus that jobs may name."""

    id: str
    object: Literal["corpus"] = "corpus"
    name: str
    num_bytes: int
    sha256: str | None = Field(None, description="of an upload; null where the corpus lies under an operator's root")
    created_at: int


class CorpusReference(BaseModel, extra="forbid"):
    """A corpus by reference: exactly one of `path`, under a root of the operator's, and `url`, where those are on."""

    path: str | None = Field(None, min_length=1, max_length=1024)
    url: str | None = Field(None, min_length=1, max_length=2048)
    name: Line | None = None


class RequestCounts(BaseModel):
    """Chunks, as far as the corpus has been read: all, those with their reflection, those that were set aside."""

    total: int
    completed: int
    failed: int


class SetAside(BaseModel):
    """A piece of work that every attempt at ended with an error."""

    kind: str
    number: int
    error: str


class Ledger(BaseModel):
    """What the database says of a job's parts; rows are documents and rejected rows, at every moment."""

    num_rows: int
    num_documents: int
    num_rejected_rows: int
    num_chunks: int
    tasks: dict[str, dict[str, int]]
    set_aside: list[SetAside] = Field(default_factory=list)


class JobView(BaseModel):
    """A job, in the shape of a batch of OpenAI's Batch API; times are seconds since 1970."""

    id: str
    object: Literal["job"] = "job"
    status: Status
    created_at: int
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    paused_at: int | None = None
    request_counts: RequestCounts
    ledger: Ledger
    corpus: str
    recipe: str | dict[str, Any]
    error: str | None = None
    stale_exports: list[str] = Field(default_factory=list, description="made before something was last rejected")
    metadata: dict[str, str] = Field(default_factory=dict)


class CountsView(BaseModel):
    """Everything that `reflectgen stats` counts, by verdict, category, road and reason."""

    counts: dict[str, Any]


class RetryView(BaseModel):
    job: JobView
    num_tasks: int = Field(description="that were set aside and are ready again")


class Deleted(BaseModel):
    id: str
    object: Literal["job"] = "job"
    deleted: Literal[True] = True


class CorpusDeleted(BaseModel):
    id: str
    object: Literal["corpus"] = "corpus"
    deleted: Literal[True] = True


class ReviewView(BaseModel):
    """What a person said of one revision."""

    revision: int
    decision: Literal["accept", "reject"]
    reviewer: str
    reason: str
    created_at: int


class ReflectionView(BaseModel):
    """The reflection that stands at a chunk now, with the chunk's text."""

    id: str = Field(description="shard, document and chunk")
    object: Literal["reflection"] = "reflection"
    document_id: str
    start: int = Field(description="code points from the document's start")
    end: int
    text: str
    revision: int
    verdict: Verdict
    category: Category
    rationale: str
    evidence: str
    road: Road
    guard_verdict: Verdict
    guard_category: Category
    guard_score: float
    teacher_verdict: Verdict | None = None
    teacher_category: Category | None = None
    reviews: list[ReviewView] = Field(default_factory=list)


class ReviewRequest(BaseModel, extra="forbid"):
    """A person's word. A rejected reflection gives way to the template; `verdict` and `category` say of which one."""

    decision: Literal["accept", "reject"]
    reviewer: Line
    reason: str = Field("", max_length=2000)
    revision: int | None = Field(None, ge=0, lt=2**31, description="what was looked at; 409 where a newer one stands")
    verdict: Verdict | None = None
    category: Category | None = None


class ExportFile(BaseModel):
    name: str
    num_bytes: int
    sha256: str | None = Field(None, description="null of the card and the manifest")


class ExportView(BaseModel):
    id: str
    object: Literal["export"] = "export"
    job: str
    status: Literal["in_progress", "completed", "failed"]
    created_at: int
    completed_at: int | None = None
    error: str | None = Field(None, description="why it failed; `retry` of its job tries again")
    formats: list[AnyFormat] | None = Field(None, description="null: those of the recipe")
    arm: ArmName = ArmName.SRP
    tokenizer: str | None = None
    is_stale: bool = Field(description="something was rejected after it was asked for")
    manifest_sha256: str | None = None
    files: list[ExportFile] = Field(default_factory=list)


class TrainingRequest(BaseModel, extra="forbid"):
    """A training that the operator offers, by its name, and the arm of the job that is learnt from."""

    training: Line
    arm: ArmName = ArmName.SRP


class TrainingView(BaseModel):
    """A training of a job; `step` and `loss` are those that were logged last, seconds ago."""

    id: str
    object: Literal["training"] = "training"
    job: str
    training: str
    arm: ArmName
    status: Literal["waiting", "running", "done", "failed"]
    created_at: int
    completed_at: int | None = None
    step: int
    num_steps: int | None = Field(None, description="null until the corpus is tokenised")
    loss: float | None = None
    error: str | None = Field(None, description="why it failed, or why the last attempt ended and is made again")
    is_stale: bool = Field(description="something was rejected after it was asked for")
    manifest_sha256: str | None = None
    files: list[ExportFile] = Field(default_factory=list)


class TrainingDeleted(BaseModel):
    id: str
    object: Literal["training"] = "training"
    deleted: Literal[True] = True


class OfferedTrainingView(BaseModel):
    """A training that may be asked for. Where its files lie is the operator's business."""

    name: str
    preset: str | None = Field(None, description="of the model's shape; null where it has one of its own")
    steps: int | None = None
    epochs: float | None = None


class RecipeView(BaseModel):
    name: str
    recipe: dict[str, Any]


class TokenizerView(BaseModel):
    """A tokenizer that exports may be made with. Where its files lie is the operator's business."""

    name: str


class EndpointView(BaseModel):
    """An endpoint that recipes may use. Where it lies and how it is paid for is the operator's business."""

    name: str
    model: str | None = None
    concurrency: int


class Offers(BaseModel, Generic[Shown]):
    object: Literal["list"] = "list"
    data: list[Shown]


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str


class Readiness(BaseModel):
    """What the service needs, and whether it is there."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str]
