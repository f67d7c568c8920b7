"""The client: a method for everything that the service does."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from reflectgen.client.connection import PIECE_BYTES, APIError, Connection
from reflectgen.client.values import Corpus, Event, Export, Job, StandingReflection, Training, from_answer


class Client(Connection):
    """What the service does, a method for each."""

    def upload(self, path: Path, name: str | None = None) -> Corpus:
        """Upload a file as it lies on disk; the ending of its name says what it is."""
        with path.open("rb") as file:
            pieces = iter(lambda: file.read(PIECE_BYTES), b"")
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
            answer = self._ask(
                "POST", "/v1/corpora", params={"name": name or path.name}, content=pieces, headers=headers
            )
        return from_answer(Corpus, answer)

    def refer(self, path: str, name: str | None = None) -> Corpus:
        """Name a corpus that lies under one of the operator's roots."""
        return from_answer(Corpus, self._ask("POST", "/v1/corpora", json={"path": path, "name": name}))

    def corpora(self) -> Iterator[Corpus]:
        """Yield every corpus, the newest first."""
        return (from_answer(Corpus, one) for one in self._pages("/v1/corpora", {}))

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
        return from_answer(Job, self._ask("POST", "/v1/jobs", json=body, headers=headers, is_repeatable=True))

    def jobs(self) -> Iterator[Job]:
        """Yield every job, the newest first."""
        return (from_answer(Job, one) for one in self._pages("/v1/jobs", {}))

    def job(self, job_id: str) -> Job:
        return from_answer(Job, self._ask("GET", f"/v1/jobs/{job_id}"))

    def counts(self, job_id: str) -> dict[str, Any]:
        """Return everything that `reflectgen stats` counts."""
        counts: dict[str, Any] = self._ask("GET", f"/v1/jobs/{job_id}/counts")["counts"]
        return counts

    def cancel(self, job_id: str) -> Job:
        return from_answer(Job, self._ask("POST", f"/v1/jobs/{job_id}/cancel"))

    def pause(self, job_id: str) -> Job:
        return from_answer(Job, self._ask("POST", f"/v1/jobs/{job_id}/pause"))

    def resume(self, job_id: str) -> Job:
        return from_answer(Job, self._ask("POST", f"/v1/jobs/{job_id}/resume"))

    def retry(self, job_id: str) -> Job:
        """Give what was set aside a fresh start."""
        return from_answer(Job, self._ask("POST", f"/v1/jobs/{job_id}/retry")["job"])

    def archive(self, job_id: str) -> Job:
        """Have a completed job's reflections moved out of the database; they can be read as before."""
        return from_answer(Job, self._ask("POST", f"/v1/jobs/{job_id}/archive"))

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

    def reflections(self, job_id: str, **filters: str) -> Iterator[StandingReflection]:
        """Yield reflections that stand now, in corpus order; filters are verdict, category, road, reason and q."""
        for one in self._pages(f"/v1/jobs/{job_id}/reflections", filters):
            row = from_answer(StandingReflection, one)
            yield row

    def review(
        self, job_id: str, reflection_id: str, *, accept: bool, reviewer: str, reason: str = "", **more: Any
    ) -> StandingReflection:
        """Accept or reject a reflection; `more` may hold revision, verdict and category."""
        decision = "accept" if accept else "reject"
        body = {"decision": decision, "reviewer": reviewer, "reason": reason, **more}
        return from_answer(
            StandingReflection, self._ask("POST", f"/v1/jobs/{job_id}/reflections/{reflection_id}/review", json=body)
        )

    def export(self, job_id: str, formats: Sequence[str] = ("parquet",), **options: Any) -> Export:
        """Ask for one more export of a completed job.

        `options` are the request's other fields: form, arm (`{"name": "raw"}`), tokenizer (one of `tokenizers()`),
        weights.
        """
        body = {"formats": list(formats), **options}
        return from_answer(Export, self._ask("POST", f"/v1/jobs/{job_id}/exports", json=body))

    def exports(self, job_id: str) -> list[Export]:
        return [from_answer(Export, one) for one in self._ask("GET", f"/v1/jobs/{job_id}/exports")["data"]]

    def get_export(self, job_id: str, export_id: str) -> Export:
        return from_answer(Export, self._ask("GET", f"/v1/jobs/{job_id}/exports/{export_id}"))

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
        return from_answer(
            Training, self._ask("POST", f"/v1/jobs/{job_id}/trainings", json={"training": training, "arm": arm})
        )

    def trainings(self, job_id: str) -> list[Training]:
        return [from_answer(Training, one) for one in self._ask("GET", f"/v1/jobs/{job_id}/trainings")["data"]]

    def get_training(self, job_id: str, training_id: str) -> Training:
        return from_answer(Training, self._ask("GET", f"/v1/jobs/{job_id}/trainings/{training_id}"))

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
                self._fetch(f"{at}/files/{file['name']}", path, file)

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


def _rank(name: str) -> int:
    """Of a file in the order of downloading: a manifest comes after what it lists, the export's own last of all."""
    return 2 if name == "manifest.json" else int(name.endswith("/manifest.json"))
