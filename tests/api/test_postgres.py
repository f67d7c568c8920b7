"""The same service on PostgreSQL: what its SQL, its locks and its text could do differently."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reflectgen.store import Store
from tests.api.worlds import World, world


@pytest.fixture
def there(tmp_path: Path, postgres_url: str) -> Iterator[World]:
    with world(tmp_path / "data", store=Store.at(postgres_url)) as made:
        yield made


def test_a_job_is_submitted_once_read_reviewed_and_deleted(there: World) -> None:
    client = there.client("read", "submit", "review")
    corpus = there.corpus(client)
    headers = {"Idempotency-Key": "k"}
    first = client.post("/v1/jobs", json={"corpus": corpus}, headers=headers)
    assert client.post("/v1/jobs", json={"corpus": corpus}, headers=headers).json() == first.json()
    assert client.post("/v1/jobs", json={"corpus": corpus, "formats": ["jsonl"]}, headers=headers).status_code == 422
    at = f"/v1/jobs/{there.finished_job(client)}"
    page = client.get(f"{at}/reflections?limit=2").json()
    more = client.get(f"{at}/reflections?limit=100&after={page['last_id']}").json()
    assert len(page["data"]) == 2
    assert len(more["data"]) + 2 == client.get(at).json()["request_counts"]["completed"]
    assert (
        client.get(f"{at}/reflections?q=%25&reason=refusal&road=teacher&verdict=safe&category=none").json()["data"]
        == []
    )
    body = {"decision": "reject", "reviewer": "m", "reason": "é\u0000", "verdict": "unsafe", "category": "hate"}
    answer = client.post(f"{at}/reflections/{page['data'][0]['id']}/review", json=body)
    assert (answer.status_code, answer.json()["verdict"]) == (200, "unsafe"), answer.text
    assert len(client.get(at).json()["stale_exports"]) == 1
    assert [one["id"] for one in client.get("/v1/jobs?limit=1").json()["data"]] == [at.rpartition("/")[2]]
    assert "event: completed" in client.get(f"{at}/events").text
    assert client.get(f"{at}/counts").json()["counts"]["balanced"] is True
    assert client.get("/metrics").status_code == client.get("/readyz").status_code == 200
    assert client.delete(at).status_code == 200
    assert client.get(at).status_code == 404
