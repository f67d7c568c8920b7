"""Jobs over HTTP: submitted once however often it is sent, listed in pages, stopped, resumed, deleted."""

from __future__ import annotations

import threading

from sqlalchemy import func, select

from reflectgen.api.routes import jobs as routes
from reflectgen.store.tables import job, reflection, task
from tests.api.worlds import World


def test_a_submitted_job_is_there_with_its_task_and_is_rung_for(here: World) -> None:
    client = here.client("read", "submit")
    corpus = here.corpus(client)
    answer = client.post("/v1/jobs", json={"corpus": corpus, "metadata": {"team": "a"}})
    shown = answer.json()
    assert answer.status_code == 201
    assert (shown["status"], shown["corpus"], shown["metadata"]) == ("validating", corpus, {"team": "a"})
    assert shown["request_counts"] == {"total": 0, "completed": 0, "failed": 0}
    assert shown["ledger"]["tasks"] == {"plan": {"ready": 1}}
    assert [bell.kind for bell in here.queue.rung] == ["plan"]
    assert client.get(f"/v1/jobs/{shown['id']}").json() == shown


def test_the_same_key_and_body_is_one_job_and_another_body_is_refused(here: World) -> None:
    client = here.client("read", "submit")
    body = {"corpus": here.corpus(client)}
    first = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k1"})
    again = client.post("/v1/jobs", json=body | {"recipe": "builtin"}, headers={"Idempotency-Key": "k1"})
    other = client.post("/v1/jobs", json=body | {"metadata": {"x": "y"}}, headers={"Idempotency-Key": "k1"})
    stranger = here.client("admin").post("/v1/jobs", json=body, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status_code, other.json()["type"]) == (422, "urn:reflectgen:problem:idempotency-mismatch")
    assert stranger.json()["id"] != first.json()["id"]
    with here.store.read() as connection:
        assert connection.execute(select(func.count()).select_from(job)).scalar_one() == 2


def test_a_job_names_neither_a_file_nor_an_address(here: World) -> None:
    client = here.client("submit")
    corpus = here.corpus(client)
    for wanted in (
        {"chunks": {"tokenizer": "/etc/passwd", "chunk_tokens": 100}},
        {"chunks": {"tokenizer": "/etc/passwd"}},
        {"chunks": {"chunk_tokens": 100}},
        {"recipe": {"endpoints": {"mine": {"url": "http://10.0.0.1"}}, "teacher": {"use": ["mine"]}}},
    ):
        answer = client.post("/v1/jobs", json={"corpus": corpus, **wanted})
        assert answer.status_code == 422, answer.text
    assert here.queue.rung == []


def test_a_refused_job_does_not_use_up_its_idempotency_key(here: World) -> None:
    client = here.client("read", "submit")
    headers = {"Idempotency-Key": "k2"}
    wrong = client.post("/v1/jobs", json={"corpus": here.corpus(client), "recipe": "none"}, headers=headers)
    right = client.post("/v1/jobs", json={"corpus": here.corpus(client)}, headers=headers)
    assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:reflectgen:problem:unusable-recipe")
    assert right.status_code == 201


def test_two_at_once_with_one_key_are_one_job(here: World, monkeypatch) -> None:
    client = here.client("read", "submit")
    body, headers = {"corpus": here.corpus(client)}, {"Idempotency-Key": "k3"}
    inside, go_on = threading.Event(), threading.Event()
    add = routes.service.add_job

    def slow(*args, **kwargs):
        inside.set()
        go_on.wait(10)
        return add(*args, **kwargs)

    monkeypatch.setattr(routes.service, "add_job", slow)
    statuses = []
    first = threading.Thread(
        target=lambda: statuses.append(client.post("/v1/jobs", json=body, headers=headers).status_code)
    )
    first.start()
    inside.wait(10)
    second = client.post("/v1/jobs", json=body, headers=headers)
    go_on.set()
    first.join()
    assert (statuses, second.status_code) == ([201], 409)
    assert len(client.get("/v1/jobs").json()["data"]) == 1


def test_pages_hold_every_job_once_newest_first(here: World) -> None:
    client = here.client("read", "submit")
    corpus = here.corpus(client)
    made = [client.post("/v1/jobs", json={"corpus": corpus}).json()["id"] for _ in range(5)]
    seen, after = [], ""
    while True:
        page = client.get(f"/v1/jobs?limit=2{after}").json()
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert seen == made[::-1]


def test_a_job_is_paused_resumed_cancelled_and_only_then_deleted(here: World) -> None:
    client = here.client("read", "submit")
    at = f"/v1/jobs/{here.job(client)}"
    assert client.post(f"{at}/resume").status_code == 409
    assert client.post(f"{at}/pause").json()["status"] == "paused"
    assert client.post(f"{at}/resume").json()["status"] == "validating"
    assert client.post(f"{at}/retry").status_code == 409
    assert client.delete(at).status_code == 409
    assert client.post(f"{at}/exports", json={}).status_code == 409
    shown = client.post(f"{at}/cancel").json()
    assert shown["status"] == "cancelled"
    assert shown["cancelled_at"] is not None
    assert client.post(f"{at}/cancel").status_code == 409
    assert client.delete(at).json()["deleted"] is True
    assert client.get(at).status_code == 404


def test_a_deleted_job_leaves_neither_rows_nor_files(here: World) -> None:
    client = here.client("read", "submit")
    job_id = here.finished_job(client)
    folder = here.settings.data / "jobs" / job_id
    assert folder.is_dir()
    client.delete(f"/v1/jobs/{job_id}")
    assert not folder.exists()
    with here.store.read() as connection:
        for table in (job, task, reflection):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_a_finished_job_tells_its_chunks_and_its_counts(here: World) -> None:
    client = here.client("read", "submit")
    job_id = here.finished_job(client)
    shown = client.get(f"/v1/jobs/{job_id}").json()
    counts = client.get(f"/v1/jobs/{job_id}/counts").json()["counts"]
    assert shown["request_counts"] == {"total": counts["num_chunks"], "completed": counts["num_chunks"], "failed": 0}
    assert shown["ledger"]["num_rows"] == 4
    assert counts["balanced"] is True


def test_events_are_told_from_where_the_reader_was(here: World) -> None:
    client = here.client("read", "submit")
    at = f"/v1/jobs/{here.finished_job(client)}/events"
    whole, rest = client.get(at), client.get(at, headers={"Last-Event-ID": "1"})
    assert whole.headers["content-type"].startswith("text/event-stream")
    assert [line for line in whole.text.splitlines() if line.startswith("id:")] == ["id: 1", "id: 2"]
    assert "event: completed" in rest.text
    assert "event: submitted" not in rest.text


def test_an_address_in_an_error_is_not_shown(here: World) -> None:
    from reflectgen.jobs.advance import hold
    from reflectgen.store import jobs

    client = here.client("read", "submit")
    job_id = here.job(client)
    with here.store.write() as connection:
        found = jobs.find(connection, job_id)
        assert found
        hold(connection, found.id, "failed", "no answer from http://10.1.2.3:8000/v1 in 5 s")
    shown = client.get(f"/v1/jobs/{job_id}").text + client.get(f"/v1/jobs/{job_id}/events").text
    assert shown.count("no answer from <address> in 5 s") == 2
    assert "10.1.2.3" not in shown
