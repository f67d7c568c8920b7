"""Every column of every table is read, on both databases: no key of a person and none of a model server is in any."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from reflectgen.jobs.registry import Registry
from reflectgen.jobs.service import resume
from reflectgen.store import Store
from tests.api.worlds import World, world
from tests.cli.background_server import background, good_answer
from tests.jobs.service_world import Service
from tests.llm.fault_server import http

CANARY = "canary-5f1d0c77"


def everything(store: Store) -> Iterator[tuple[str, str]]:
    """Yield each table's name with each of its values, as text."""
    with store.read() as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):
                for value in row:
                    said = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                    yield table, said


@pytest.fixture
def there(tmp_path: Path, any_store: Store) -> Iterator[World]:
    with world(tmp_path / "data", store=any_store) as made:
        yield made


def test_a_database_in_which_everything_was_done_once_holds_no_secret_of_an_api_key(there: World) -> None:
    token = there.key("read", "submit", "review")
    client = there.client(token=token)
    for _ in range(2):
        answer = client.post(
            "/v1/jobs", json={"corpus": there.corpus(client)}, headers={"Idempotency-Key": "a-key-of-mine"}
        )
    assert answer.status_code == 422  # the other corpus; the first answer is kept
    at = f"/v1/jobs/{there.finished_job(client)}"
    place = client.get(f"{at}/reflections?limit=1").json()["data"][0]["id"]
    review = {"decision": "accept", "reviewer": "m", "reason": "r"}
    assert client.post(f"{at}/reflections/{place}/review", json=review).status_code == 200
    assert client.post(f"{at}/exports", json={"formats": ["jsonl"]}).status_code == 201
    assert client.post(f"{at}/pause").status_code == 409
    assert client.get(f"{at}?key={token}", headers={"User-Agent": token, "X-Request-Id": token}).status_code == 200
    found = list(everything(there.store))
    filled = {table for table, _ in found}
    assert filled >= {"api_key", "corpus", "event", "export", "idempotency", "job", "reflection", "review", "task"}
    secret = token.split("_", 2)[2]
    assert any(token.split("_")[1] in said for _, said in found)  # its public part: what is looked through is all
    assert {table for table, said in found if secret in said} == set()


def test_a_model_servers_key_is_sent_to_it_and_is_in_no_table_file_or_log_even_if_it_is_told_back(
    tmp_path: Path, any_store: Store, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    monkeypatch.setenv("KEY_OF_OURS", CANARY)
    doors = [http(401, {"error": f"who is {CANARY}?"}), None]
    with background(lambda asked: _answer(doors[0], asked)) as server:
        endpoint = {"url": server.url, "model": "m", "key_variable": "KEY_OF_OURS"}
        registry = {"endpoints": {"far": endpoint}, "recipes": {"far": {"teacher": {"use": ["far"]}}}}
        service = Service(tmp_path, Registry.model_validate(registry), any_store)
        service.add_corpus([f"Chunk s{n} speaks calmly of boats and of gulls." for n in range(3)])
        job_id = service.submit(recipe="far")
        service.deliver()
        assert service.status(job_id) == "paused"
        doors.pop(0)
        resume(service.store, service.queue, job_id)
        service.reconcile()
        service.deliver()
        service.worker.close()
    assert service.status(job_id) == "completed"
    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {CANARY}"}
    assert "401" in log.getvalue()
    assert CANARY not in log.getvalue()
    assert {table for table, said in everything(any_store) if CANARY in said} == set()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]


async def _answer(door, asked):
    return door or good_answer(asked)
