"""One journey through the service however it runs: submitted from outside, disturbed on the way, downloaded, proved."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.prose import write_texts
from reflectgen.cli import main
from reflectgen.client import Client


@dataclass(frozen=True, slots=True)
class Journey:
    corpus_id: str
    job_id: str
    export_id: str
    hashes: dict[str, str]  # of the files that were downloaded


def travel(url: str, key: str, folder: Path, num_documents: int, disturb: Callable[[], None]) -> Journey:
    """Submit a corpus and a job; once its first shard is done, `disturb`; download what comes of it and prove it."""
    texts = write_texts(folder / "texts.jsonl", num_documents)
    with Client(url, key, max_attempts=8) as client:
        corpus = client.upload(texts)
        job = client.submit(corpus.id, recipe="builtin", idempotency_key="the-journey")
        assert client.submit(corpus.id, recipe="builtin", idempotency_key="the-journey").id == job.id
        is_disturbed = False
        for event in client.events(job.id):
            if event.kind == "shard_reflected" and not is_disturbed:
                is_disturbed = True
                disturb()
        ended = client.job(job.id)
        assert is_disturbed and ended.status == "completed", ended
        assert 0 < ended.request_counts["total"] == ended.request_counts["completed"]
        (export,) = client.exports(job.id)
        client.download(job.id, export, folder / "export")
    assert main(["verify", str(folder / "export")]) == 0
    assert shards(folder / "export") == shards(_undisturbed(texts, folder / "peace"))
    return Journey(corpus.id, job.id, export.id, shards(folder / "export"))


def assert_kept(url: str, key: str, journey: Journey, folder: Path) -> None:
    """Everything that the journey made is still there."""
    with Client(url, key) as client:
        assert [corpus.id for corpus in client.corpora()] == [journey.corpus_id]
        assert [(job.id, job.status) for job in client.jobs()] == [(journey.job_id, "completed")]
        client.download(journey.job_id, client.get_export(journey.job_id, journey.export_id), folder)
    assert shards(folder) == journey.hashes


def shards(export: Path) -> dict[str, str]:
    """Return the hash of every file of an export but its manifest and card, which name the job."""
    files = [path for path in export.rglob("*") if path.is_file() and path.name not in ("manifest.json", "README.md")]
    return {str(path.relative_to(export)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _undisturbed(texts: Path, out: Path) -> Path:
    """Return the export of the same corpus by `reflectgen run`, with nothing going wrong."""
    assert main(["run", str(texts), "--out", str(out), "--quiet"]) == 0
    return out / "export"
