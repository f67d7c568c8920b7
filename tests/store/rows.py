"""Rows for store tests, with everything that a test does not care about filled in."""

from reflectgen.records import Provenance
from reflectgen.store import Store, corpus, jobs, reflections


def new_job(store: Store, num_shards: int = 1, num_chunks: int = 3) -> int:
    with store.write() as connection:
        source = jobs.SourceRow(0, "a.jsonl", "jsonl", 10, "s")
        job_id = jobs.create(connection, ["a.jsonl"], {"x": 1}, "sha", [source], "0", 1.0)
        for number in range(num_shards):
            shard = corpus.Shard(number, f"c{number}", "s", f"k{number}", "s", "split 1", 1, num_chunks, 9)
            corpus.add_shard(connection, job_id, shard, [bytes([number]) * 16])
        reflections.provenance_id(connection, Provenance("teacher", "scripted"))
    return job_id


def answer(job_id: int, chunk: int, revision: int = 0, **changes: object) -> reflections.ReflectionRow:
    row = {
        "job_id": job_id,
        "shard": 0,
        "document": 0,
        "chunk": chunk,
        "revision": revision,
        "start": 0,
        "end": 1,
        "guard_verdict": "safe",
        "guard_category": "none",
        "guard_score": 0.1,
        "guard_native": "",
        "guard_provenance_id": 1,
        "reason": "",
        "teacher_verdict": "safe",
        "teacher_category": "none",
        "detail": "",
        "verdict": "safe",
        "category": "none",
        "rationale": "it is fine.",
        "evidence": "",
        "road": "teacher",
        "chunk_key": bytes([chunk]) * 16,
        "rationale_key": b"r" * 16,
        "reply": "",
        "request_key": None,
        "reused_from": "",
        "seed": 0,
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "provenance_id": 1,
        "created_at": 1.0,
    }
    return row | changes


def keep(store: Store, *rows: reflections.ReflectionRow) -> None:
    with store.write() as connection:
        reflections.add(connection, rows)
