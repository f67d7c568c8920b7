"""Canaries: keys and passwords are put where people put them, and then looked for everywhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import structlog

from reflectgen.api.problems import without_places
from reflectgen.jobs.advance import hold
from reflectgen.logs import about, without_secrets
from reflectgen.store import jobs
from tests.api.worlds import World, world


def test_no_key_reaches_log_database_or_answer(tmp_path: Path, log) -> None:
    with world(tmp_path / "data") as here:
        token = here.key("read", "submit")
        client = here.client(token=token)
        secret = token.split("_", 2)[2]
        answers = [
            client.get(f"/v1/jobs?key={token}"),
            client.get(f"/v1/jobs/{token}"),
            client.get(f"/{token}"),
            client.get("/v1/jobs/a-canary-in-a-path?q=a-canary-in-a-query"),
            client.post("/v1/jobs", json={"corpus": "x", token: token}),
            client.post("/v1/jobs", json={"corpus": token}),
            client.post("/v1/jobs", json={"corpus": "x", "recipe": {"teacher": {"api_key": token}}}),
            client.post("/v1/jobs", json={"corpus": [token], "chunks": {"chunk_words": token}}),
            client.post("/v1/jobs", content=f'{{"corpus": "{token}', headers={"Content-Type": "application/json"}),
            client.post("/v1/corpora", json={"path": token}),
            client.post("/v1/corpora", json={"url": f"https://user:{token}@data.example/a.jsonl"}),
            client.get("/v1/jobs", headers={"Authorization": f"Bearer {token}x"}),
        ]
        assert {answer.status_code for answer in answers} >= {401, 404, 422}
        for answer in answers:
            assert secret not in answer.text, answer.request.url
    assert "/v1/jobs" in log.getvalue()
    assert secret not in log.getvalue()
    assert "a-canary" not in log.getvalue()
    kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert secret.encode() not in path.read_bytes(), path


def test_lines_are_json_with_what_they_are_about_and_without_secrets(log) -> None:
    with about(job="job_1", shard=3, attempt=2):
        logging.getLogger("any.library").warning("cannot reach %s", "redis://:hunter2@127.0.0.1:6379/0")
        structlog.get_logger("ours").info("sent", authorization="Bearer abcdefghijk", headers={"X-Api-Key": "hunter2"})
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(one["job"], one["shard"], one["attempt"]) for one in lines] == [("job_1", 3, 2)] * 2
    assert lines[0]["event"] == "cannot reach redis://:***@127.0.0.1:6379/0"
    assert lines[1]["authorization"] == "***"
    assert "hunter2" not in log.getvalue()


def test_a_traceback_is_blotted_too(log) -> None:
    try:
        raise ValueError("postgresql://me:hunter2@db/x")
    except ValueError:
        logging.getLogger("ours").exception("failed")
    assert "ValueError" in log.getvalue()
    assert "hunter2" not in log.getvalue()


@pytest.mark.parametrize(
    "text",
    ["Bearer abcdefghijklmnop", "https://a:secretpw@host/", "sk-abcdefghijklmn", "rg_0123456789abcdef_" + "s" * 43],
)
def test_secrets_are_known_by_their_looks(text: str) -> None:
    assert "***" in without_secrets(f"said {text} once")
    assert not any(part in without_secrets(text) for part in ("abcdefghijkl", "secretpw", "s" * 20))


def test_offers_show_neither_address_nor_key(tmp_path: Path) -> None:
    registry = tmp_path / "registry.toml"
    registry.write_text(
        '[endpoints.big]\nurl = "http://10.9.8.7:8000/v1"\nmodel = "m"\nkey_variable = "BIG_KEY"\n'
        '[recipes.good.teacher]\nuse = ["big"]\n'
    )
    with world(tmp_path / "data", registry=registry) as here:
        client = here.client("read", "submit")
        shown = client.get("/v1/endpoints"), client.get("/v1/recipes")
        assert shown[0].json()["data"] == [{"name": "big", "model": "m", "concurrency": 64}]
        assert [one["name"] for one in shown[1].json()["data"]] == ["good"]
        job_id = here.job(client, recipe="good")
        text = "".join(one.text for one in (*shown, client.get(f"/v1/jobs/{job_id}")))
        assert "10.9.8.7" not in text
        assert "BIG_KEY" not in text


def test_metrics_count_requests_jobs_and_tasks_by_route_not_by_path(here: World) -> None:
    client = here.client("read", "submit")
    job_id = here.job(client)
    client.get(f"/v1/jobs/{job_id}")
    client.get("/none/at/all")
    text = client.get("/metrics").text
    assert 'reflectgen_http_requests_total{method="GET",route="/v1/jobs/{job_id}",status="200"} 1.0' in text
    assert 'reflectgen_jobs{state="running"} 1.0' in text
    assert 'reflectgen_tasks{kind="plan",state="ready"} 1.0' in text
    assert 'reflectgen_jobs{state="failed"} 0.0' in text
    assert job_id not in text
    assert "none/at/all" not in text


def test_readiness_says_what_is_missing(tmp_path: Path) -> None:
    with world(tmp_path / "data", redis_url="redis://:hunter2@127.0.0.1:1/0") as here:
        answer = here.client("read").get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "redis": "does not answer", "data": "ok"}
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("/srv/data/jobs/job_1/corpus/00000-ab.parquet: no space", ".../00000-ab.parquet: no space"),
        ("cannot write '/srv/data/out'; free space", "cannot write '.../out'; free space"),
        ("postgresql://u:p@db/x and http://10.0.0.1/v1/chat away", "<address> and <address> away"),
        (
            "corpus/00000-ab.parquet: its SHA-256 is not the store's",
            "corpus/00000-ab.parquet: its SHA-256 is not the store's",
        ),
        ("accepted 3/4 and/or 5 / 6", "accepted 3/4 and/or 5 / 6"),
    ],
)
def test_errors_are_shown_without_the_servers_folders_and_addresses(said: str, shown: str) -> None:
    assert without_places(said) == shown


def test_an_error_of_a_worker_is_shown_without_the_servers_folders(here: World) -> None:
    client = here.client("admin")
    job_id = here.job(client)
    with here.store.write() as connection:
        job = jobs.find(connection, job_id)
        assert job is not None
        hold(connection, job.id, "failed", "/srv/secret/jobs/corpus.parquet cannot be read")
    for path in (f"/v1/jobs/{job_id}", "/v1/jobs", f"/v1/jobs/{job_id}/events?follow=false"):
        said = client.get(path).text
        assert "corpus.parquet cannot be read" in said
        assert "/srv" not in said
