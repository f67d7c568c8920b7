"""A small client of the service, for Python: the API's objects as typed values, its problems as one error.

with Client("http://localhost:8080", "rg_...") as client:
    corpus = client.upload(Path("essays.jsonl.zst"))
    job = client.submit(corpus.id, recipe="builtin")
    for event in client.events(job.id):
        print(event.kind)
    client.download(job.id, client.exports(job.id)[0], Path("essays-reflected"))
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from reflectgen.records import Category, Road, Verdict

ENDED = ("completed", "cancelled", "failed")
_PIECE_BYTES = 1 << 20
_RETRIED_STATUSES = (429, 502, 503, 504)
_MAX_WAIT_SECONDS = 30.0

Kind = TypeVar("Kind")


class APIError(Exception):
    """A problem that the service answered with; `status` 0: it did not answer. The message is one line."""

    def __init__(self, status: int, detail: str, type: str = "", errors: Sequence[Any] = ()) -> None:  # noqa: A002
        super().__init__(detail)
        self.status, self.detail, self.type, self.errors = status, detail, type, list(errors)


@dataclass(frozen=True, slots=True)
class Corpus:
    id: str
    name: str
    num_bytes: int
    sha256: str | None
    created_at: int


@dataclass(frozen=True, slots=True)
class Job:
    """Times are seconds since 1970; `request_counts` has total, completed and failed chunks."""

    id: str
    status: str
    created_at: int
    request_counts: dict[str, int]
    ledger: dict[str, Any]
    corpus: str
    recipe: str | dict[str, Any]
    error: str | None = None
    stale_exports: tuple[str, ...] | list[str] = ()
    metadata: dict[str, str] | None = None
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    paused_at: int | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class Event:
    number: int
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StandingReflection:
    """The reflection at a chunk now, with the chunk's text."""

    id: str
    document_id: str
    start: int
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
    reviews: list[dict[str, Any]]
    teacher_verdict: str | None = None
    teacher_category: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    id: str
    status: str
    created_at: int
    completed_at: int | None
    is_stale: bool
    manifest_sha256: str | None
    files: list[dict[str, Any]]
    error: str | None = None
    formats: list[str] | None = None
    arm: str = "srp"
    tokenizer: str | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """`status` is waiting, running, done or failed; `num_steps` is None until the corpus is tokenised."""

    id: str
    status: str
    training: str
    arm: str
    created_at: int
    completed_at: int | None
    step: int
    num_steps: int | None
    loss: float | None
    error: str | None
    is_stale: bool
    manifest_sha256: str | None
    files: list[dict[str, Any]]

    @property
    def has_ended(self) -> bool:
        return self.status in ("done", "failed")


class Client:
    """Talks to one service with one key. What may be sent again is, a few times, where the service is away or busy."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_seconds: float = 60.0,
        max_attempts: int = 4,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._max_attempts = max_attempts
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "reflectgen-client"}
        self._http = httpx2.Client(
            base_url=url.rstrip("/"), headers=headers, timeout=timeout_seconds, transport=transport, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def upload(self, path: Path, name: str | None = None) -> Corpus:
        """Upload a file as it lies on disk; the ending of its name says what it is."""
        with path.open("rb") as file:
            pieces = iter(lambda: file.read(_PIECE_BYTES), b"")
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
            answer = self._ask(
                "POST", "/v1/corpora", params={"name": name or path.name}, content=pieces, headers=headers
            )
        return _made(Corpus, answer)

    def refer(self, path: str, name: str | None = None) -> Corpus:
        """Name a corpus that lies under one of the operator's roots."""
        return _made(Corpus, self._ask("POST", "/v1/corpora", json={"path": path, "name": name}))

    def corpora(self) -> Iterator[Corpus]:
        """Yield every corpus, the newest first."""
        return (_made(Corpus, one) for one in self._pages("/v1/corpora", {}))

    def delete_corpus(self, corpus_id: str) -> None:
        """Delete a corpus that no job reads any more."""
        self._ask("DELETE", f"/v1/corpora/{corpus_id}")

    def submit(
        self,
        corpus: str,
        *,
        recipe: str | Mapping[str, Any] = "builtin",
        idempotency_key: str | None = None,
        **settings: Any,
    ) -> Job:
        """Submit a job; sent twice, because an answer was lost, it is one job all the same.

        `settings` are the request's other fields: read, chunks, form, formats, limits, metadata.
        """
        headers = {"Idempotency-Key": idempotency_key or secrets.token_hex(16)}
        body = {"corpus": corpus, "recipe": recipe, **settings}
        return _made(Job, self._ask("POST", "/v1/jobs", json=body, headers=headers, is_repeatable=True))

    def jobs(self) -> Iterator[Job]:
        """Yield every job, the newest first."""
        return (_made(Job, one) for one in self._pages("/v1/jobs", {}))

    def job(self, job_id: str) -> Job:
        return _made(Job, self._ask("GET", f"/v1/jobs/{job_id}"))

    def counts(self, job_id: str) -> dict[str, Any]:
        """Return everything that `reflectgen stats` counts."""
        counts: dict[str, Any] = self._ask("GET", f"/v1/jobs/{job_id}/counts")["counts"]
        return counts

    def cancel(self, job_id: str) -> Job:
        return _made(Job, self._ask("POST", f"/v1/jobs/{job_id}/cancel"))

    def pause(self, job_id: str) -> Job:
        return _made(Job, self._ask("POST", f"/v1/jobs/{job_id}/pause"))

    def resume(self, job_id: str) -> Job:
        return _made(Job, self._ask("POST", f"/v1/jobs/{job_id}/resume"))

    def retry(self, job_id: str) -> Job:
        """Give what was set aside a fresh start."""
        return _made(Job, self._ask("POST", f"/v1/jobs/{job_id}/retry")["job"])

    def archive(self, job_id: str) -> Job:
        """Have a completed job's reflections moved out of the database; they can be read as before."""
        return _made(Job, self._ask("POST", f"/v1/jobs/{job_id}/archive"))

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended, with everything that came of it."""
        self._ask("DELETE", f"/v1/jobs/{job_id}")

    def wait(self, job_id: str, poll_seconds: float = 1.0) -> Job:
        """Return a job once it has ended, or stands still until somebody resumes it."""
        while not (job := self.job(job_id)).has_ended and job.status != "paused":
            time.sleep(poll_seconds)
        return job

    def events(self, job_id: str, after: int = 0) -> Iterator[Event]:
        """Yield what happens to a job until it ends, however often the connection breaks meanwhile."""
        while True:
            try:
                for event in self._stream(job_id, after):
                    after = event.number
                    yield event
                if self.job(job_id).has_ended:
                    return
            except httpx2.TransportError:
                time.sleep(1.0)

    def _stream(self, job_id: str, after: int) -> Iterator[Event]:
        headers = {"Last-Event-ID": str(after), "Accept": "text/event-stream"}
        # A comment comes every 15 s, so that silence means that nobody is there.
        with self._http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers, timeout=40.0) as answer:
            if answer.status_code != 200:
                answer.read()
                raise _error(answer)
            said: dict[str, str] = {}
            for line in answer.iter_lines():
                if line and not line.startswith(":"):
                    name, _, value = line.partition(":")
                    said[name] = value.removeprefix(" ")
                elif not line and "id" in said:
                    yield Event(int(said["id"]), said.get("event", ""), json.loads(said.get("data", "{}")))
                    said = {}

    def reflections(self, job_id: str, **filters: str) -> Iterator[StandingReflection]:
        """Yield reflections that stand now, in corpus order; filters are verdict, category, road, reason and q."""
        for one in self._pages(f"/v1/jobs/{job_id}/reflections", filters):
            row = _made(StandingReflection, one)
            yield row

    def review(
        self, job_id: str, reflection_id: str, *, accept: bool, reviewer: str, reason: str = "", **more: Any
    ) -> StandingReflection:
        """Accept or reject a reflection; `more` may hold revision, verdict and category."""
        decision = "accept" if accept else "reject"
        body = {"decision": decision, "reviewer": reviewer, "reason": reason, **more}
        return _made(
            StandingReflection, self._ask("POST", f"/v1/jobs/{job_id}/reflections/{reflection_id}/review", json=body)
        )

    def export(self, job_id: str, formats: Sequence[str] = ("parquet",), **options: Any) -> Export:
        """Ask for one more export of a completed job.

        `options` are the request's other fields: form, arm (`{"name": "raw"}`), tokenizer (one of `tokenizers()`),
        weights.
        """
        body = {"formats": list(formats), **options}
        return _made(Export, self._ask("POST", f"/v1/jobs/{job_id}/exports", json=body))

    def exports(self, job_id: str) -> list[Export]:
        return [_made(Export, one) for one in self._ask("GET", f"/v1/jobs/{job_id}/exports")["data"]]

    def get_export(self, job_id: str, export_id: str) -> Export:
        return _made(Export, self._ask("GET", f"/v1/jobs/{job_id}/exports/{export_id}"))

    def wait_for_export(self, job_id: str, export_id: str, poll_seconds: float = 1.0) -> Export:
        """Return an export once it is whole.

        Raises:
            APIError: it failed.
        """
        while not (export := self.get_export(job_id, export_id)).files:
            if export.status == "failed":
                raise APIError(409, f"the export was not made: {export.error}")
            time.sleep(poll_seconds)
        return export

    def train(self, job_id: str, training: str, arm: str = "srp") -> Training:
        """Ask for a model that is trained on a completed job, by the name of a training that the operator offers."""
        return _made(
            Training, self._ask("POST", f"/v1/jobs/{job_id}/trainings", json={"training": training, "arm": arm})
        )

    def trainings(self, job_id: str) -> list[Training]:
        return [_made(Training, one) for one in self._ask("GET", f"/v1/jobs/{job_id}/trainings")["data"]]

    def get_training(self, job_id: str, training_id: str) -> Training:
        return _made(Training, self._ask("GET", f"/v1/jobs/{job_id}/trainings/{training_id}"))

    def follow_training(self, job_id: str, training_id: str, poll_seconds: float = 2.0) -> Iterator[Training]:
        """Yield a training as it is now, and whenever it has got further, until it is done or has failed."""
        last: Training | None = None
        while last is None or not last.has_ended:
            training = self.get_training(job_id, training_id)
            if training != last:
                yield training
            last = training
            if not last.has_ended:
                time.sleep(poll_seconds)

    def delete_training(self, job_id: str, training_id: str) -> None:
        """Delete a training with its model; one that runs stops within seconds."""
        self._ask("DELETE", f"/v1/jobs/{job_id}/trainings/{training_id}")

    def download(self, job_id: str, made: Export | Training, folder: Path) -> None:
        """Download an export's or a training's files, the manifest last; what is there in part is gone on with.

        Raises:
            APIError: a file is not what the manifest says.
        """
        at = f"/v1/jobs/{job_id}/{'trainings' if isinstance(made, Training) else 'exports'}/{made.id}"
        for file in sorted(made.files, key=lambda one: _rank(one["name"])):
            path = folder / file["name"]
            if not path.resolve().is_relative_to(folder.resolve()):
                raise APIError(0, f"the service names a file outside of the folder: {file['name']!r}")
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (path.is_file() and path.stat().st_size == file["num_bytes"]):
                self._download(f"{at}/files/{file['name']}", path, file)

    def _download(self, url: str, path: Path, file: Mapping[str, Any]) -> None:
        partial = path.with_name(path.name + ".partial")
        for attempt in range(1, self._max_attempts + 1):
            have = partial.stat().st_size if partial.is_file() else 0
            headers = {"Range": f"bytes={have}-"} if 0 < have < file["num_bytes"] else {}
            try:
                with self._http.stream("GET", url, headers=headers) as answer:
                    if answer.status_code not in (200, 206):
                        answer.read()
                        raise _error(answer)
                    with partial.open("ab" if answer.status_code == 206 else "wb") as out:
                        for piece in answer.iter_bytes(_PIECE_BYTES):
                            out.write(piece)
                break
            except httpx2.TransportError as error:
                if attempt == self._max_attempts:
                    raise APIError(0, f"the service went away: {type(error).__name__}") from error
                time.sleep(attempt)
        with partial.open("rb") as whole:
            found = hashlib.file_digest(whole, "sha256").hexdigest()
        if file["sha256"] not in (None, found):
            partial.unlink()
            raise APIError(0, f"{file['name']} is not what the manifest says; download it again")
        partial.replace(path)

    def recipes(self) -> dict[str, Any]:
        return {one["name"]: one["recipe"] for one in self._ask("GET", "/v1/recipes")["data"]}

    def endpoints(self) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = self._ask("GET", "/v1/endpoints")["data"]
        return data

    def tokenizers(self) -> list[str]:
        """Return the names of the tokenizers that an export may be made with."""
        return [one["name"] for one in self._ask("GET", "/v1/tokenizers")["data"]]

    def offered_trainings(self) -> list[dict[str, Any]]:
        """Return what `train` may name."""
        data: list[dict[str, Any]] = self._ask("GET", "/v1/trainings")["data"]
        return data

    def _pages(self, path: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        after: dict[str, str] = {}
        while True:
            page = self._ask("GET", path, params={"limit": "100", **params, **after})
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"after": page["last_id"]}

    def _ask(self, method: str, path: str, *, is_repeatable: bool = False, **how: Any) -> Any:
        """Send a request, again where nothing can come of it twice."""
        may_repeat = is_repeatable or method == "GET"
        for attempt in range(1, self._max_attempts + 1):
            is_last = attempt == self._max_attempts or not may_repeat
            try:
                answer = self._http.request(method, path, **how)
            except httpx2.TransportError as error:
                if is_last:
                    raise APIError(0, f"{self._http.base_url} does not answer ({type(error).__name__})") from error
                time.sleep(0.5 * 2**attempt)
                continue
            if answer.status_code in _RETRIED_STATUSES and not is_last:
                time.sleep(_wait_seconds(answer, attempt))
                continue
            if answer.is_success:
                return answer.json()
            raise _error(answer)
        raise AssertionError


def _rank(name: str) -> int:
    """Of a file in the order of downloading: a manifest comes after what it lists, the export's own last of all."""
    return 2 if name == "manifest.json" else int(name.endswith("/manifest.json"))


def _wait_seconds(answer: httpx2.Response, attempt: int) -> float:
    said = answer.headers.get("Retry-After", "")
    return min(float(said) if said.isdecimal() else 0.5 * 2**attempt, _MAX_WAIT_SECONDS)


def _error(answer: httpx2.Response) -> APIError:
    try:
        problem = answer.json()
        return APIError(answer.status_code, problem["detail"], problem["type"], problem.get("errors") or ())
    except (ValueError, KeyError, TypeError):
        return APIError(answer.status_code, f"the service answers with status {answer.status_code}")


def _made(kind: type[Kind], said: Mapping[str, Any]) -> Kind:
    """Make a value of an answer; fields that a newer service adds are passed over."""
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    values = {name: value for name, value in said.items() if name in known}
    enums = {
        "verdict": Verdict,
        "category": Category,
        "road": Road,
        "guard_verdict": Verdict,
        "guard_category": Category,
    }
    return kind(**{name: enums[name](value) if name in enums else value for name, value in values.items()})
