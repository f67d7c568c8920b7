"""Whole examples of what the routes take and give, and what their parameters mean; a test holds them to the schema."""

from __future__ import annotations

from typing import Any

from reflectgen.api.problems import PREFIX, TITLES

_CORPUS, _JOB, _EXPORT, _TRAINING = (
    "corpus_5f0c9a2b7d4e8c41d0e9a6b2",
    "job_0f6a1b9c2d3e4f5061728394",
    "export_91b2c3d4e5f60718293a4b5c",
    "training_4a5b6c7d8e9f00112233aabb",
)
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_NOON = 1764086400  # seconds since 1970

_corpus = {
    "id": _CORPUS,
    "object": "corpus",
    "name": "essays.jsonl.zst",
    "num_bytes": 1048576,
    "sha256": _SHA256,
    "created_at": _NOON,
}
_job = {
    "id": _JOB,
    "object": "job",
    "status": "in_progress",
    "created_at": _NOON,
    "in_progress_at": _NOON + 4,
    "request_counts": {"total": 12000, "completed": 4700, "failed": 0},
    "ledger": {
        "num_rows": 3001,
        "num_documents": 3000,
        "num_rejected_rows": 1,
        "num_chunks": 12000,
        "tasks": {"plan": {"done": 1}, "reflect": {"done": 3, "leased": 2}},
        "set_aside": [],
    },
    "corpus": _CORPUS,
    "recipe": "builtin",
    "stale_exports": [],
    "metadata": {"team": "pretraining"},
}
_reflection = {
    "id": "0-3-1",
    "object": "reflection",
    "document_id": "essay-0003",
    "start": 812,
    "end": 1490,
    "text": "Leaves take in light and turn it into sugar.",
    "revision": 0,
    "verdict": "safe",
    "category": "none",
    "rationale": "a classroom account of how leaves turn light into sugar.",
    "evidence": "turn it into sugar",
    "road": "teacher",
    "guard_verdict": "safe",
    "guard_category": "none",
    "guard_score": 0.02,
    "teacher_verdict": "safe",
    "teacher_category": "none",
    "reviews": [
        {
            "revision": 0,
            "decision": "accept",
            "reviewer": "maria",
            "reason": "says what the passage does",
            "created_at": _NOON + 900,
        }
    ],
}
_export = {
    "id": _EXPORT,
    "object": "export",
    "job": _JOB,
    "status": "completed",
    "created_at": _NOON + 600,
    "completed_at": _NOON + 640,
    "formats": ["parquet"],
    "arm": "srp",
    "is_stale": False,
    "manifest_sha256": _SHA256,
    "files": [{"name": "parquet/train-00000-of-00001.parquet", "num_bytes": 2097152, "sha256": _SHA256}],
}
_training = {
    "id": _TRAINING,
    "object": "training",
    "job": _JOB,
    "training": "nano",
    "arm": "srp",
    "status": "running",
    "created_at": _NOON + 700,
    "step": 1200,
    "num_steps": 5000,
    "loss": 2.31,
    "is_stale": False,
    "files": [],
}
_recipe = {"guard": {"use": ["builtin"]}, "teacher": {"use": ["qwen-big"]}, "policy": {"ask": "flagged"}}
_endpoint = {"name": "qwen-big", "model": "Qwen/Qwen3-235B-A22B", "concurrency": 64}


def _page(one: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": [one], "first_id": one["id"], "last_id": one["id"], "has_more": False}


EXAMPLES: dict[str, dict[str, Any]] = {
    "CorpusView": _corpus,
    "Page_CorpusView_": _page(_corpus),
    "CorpusReference": {"path": "essays/2026", "name": "essays"},
    "CorpusDeleted": {"id": _CORPUS, "object": "corpus", "deleted": True},
    "JobRequest": {
        "corpus": _CORPUS,
        "recipe": "builtin",
        "formats": ["parquet", "jsonl"],
        "limits": {"max_cost": 250.0},
        "metadata": {"team": "pretraining"},
    },
    "JobView": _job,
    "Page_JobView_": _page(_job),
    "CountsView": {"counts": {"num_chunks": 12000, "verdicts": {"safe": 11950, "unsafe": 50}}},
    "RetryView": {"job": _job, "num_tasks": 2},
    "Deleted": {"id": _JOB, "object": "job", "deleted": True},
    "ReflectionView": _reflection,
    "Page_ReflectionView_": _page(_reflection),
    "ReviewRequest": {
        "decision": "reject",
        "reviewer": "maria",
        "reason": "the rationale speaks of another passage",
        "revision": 0,
        "verdict": "safe",
        "category": "none",
    },
    "ExportRequest": {"formats": ["parquet", "megatron"], "arm": {"name": "srp"}, "tokenizer": "smollm2"},
    "ExportView": _export,
    "Page_ExportView_": _page(_export),
    "TrainingRequest": {"training": "nano", "arm": "srp"},
    "TrainingView": _training,
    "Page_TrainingView_": _page(_training),
    "TrainingDeleted": {"id": _TRAINING, "object": "training", "deleted": True},
    "Offers_OfferedTrainingView_": {"object": "list", "data": [{"name": "nano", "preset": "nano", "steps": 5000}]},
    "Offers_RecipeView_": {"object": "list", "data": [{"name": "flagged-only", "recipe": _recipe}]},
    "Offers_EndpointView_": {"object": "list", "data": [_endpoint]},
    "Offers_TokenizerView_": {"object": "list", "data": [{"name": "smollm2"}]},
    "Health": {"status": "ok", "version": "0.1.0"},
    "Readiness": {"status": "ready", "checks": {"database": "ok", "redis": "ok", "data": "ok"}},
    "ProblemView": {
        "type": f"{PREFIX}not-found",
        "title": TITLES["not-found"],
        "status": 404,
        "detail": f"there is no job {_JOB}",
    },
}

PARAMETERS = {
    "corpus_id": "of an upload or reference, as `POST /v1/corpora` gave it",
    "job_id": "as `POST /v1/jobs` gave it",
    "export_id": "as `POST /v1/jobs/{job_id}/exports` gave it",
    "training_id": "as `POST /v1/jobs/{job_id}/trainings` gave it",
    "place": "the `id` of a reflection: shard, document and chunk",
    "name": "of a file, as the export or training lists it",
    "after": "the `last_id` of the page before",
    "limit": "entries of a page",
    "verdict": "only reflections of this verdict",
    "category": "only reflections of this category",
    "road": "only reflections that came about this way",
}


def with_examples(schema: dict[str, Any]) -> None:
    """Put whole examples into an OpenAPI schema, and say what each parameter means where its route does not."""
    parts = schema["components"]["schemas"]
    for name in EXAMPLES.keys() & parts.keys():
        parts[name]["examples"] = [EXAMPLES[name]]
    for operations in schema["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in PARAMETERS:
                    parameter.setdefault("description", PARAMETERS[parameter["name"]])
