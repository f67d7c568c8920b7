"""Trainings over HTTP: asked for by name alone, followed, deleted, and downloaded as exports are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from reflectgen.errors import RecipeError
from reflectgen.store import jobs, tasks, trainings
from tests.api.worlds import World, world, write_registry


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "data", registry=write_registry(tmp_path)) as made:
        yield made


@pytest.fixture
def job(here: World):
    client = here.client("read", "submit")
    return client, here.finished_job(client)


def number_of(here: World, job_id: str) -> int:
    with here.store.read() as connection:
        found = jobs.find(connection, job_id)
        assert found is not None
        return found.id


def test_a_training_is_asked_for_by_its_name_and_rung_for(here: World, job) -> None:
    client, job_id = job
    answer = client.post(f"/v1/jobs/{job_id}/trainings", json={"training": "nano", "arm": "raw"})
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert (shown["status"], shown["training"], shown["arm"], shown["step"]) == ("waiting", "nano", "raw", 0)
    assert (shown["num_steps"], shown["loss"], shown["files"]) == (None, None, [])
    assert here.queue.rung[-1].kind == "train"
    assert client.get(f"/v1/jobs/{job_id}/trainings").json()["data"] == [shown]
    assert client.get(f"/v1/jobs/{job_id}/trainings/{shown['id']}").json() == shown
    assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "completed"
    assert client.get(f"/v1/jobs/{job_id}/trainings/{shown['id']}/files/manifest.json").status_code == 404


def test_what_is_offered_is_shown_without_a_path(here: World, tmp_path: Path) -> None:
    answer = here.client("read").get("/v1/trainings")
    assert answer.json()["data"] == [{"name": "nano", "preset": "nano", "steps": 4, "epochs": None}]
    assert "toml" not in answer.text and "tokenizer" not in answer.text


@pytest.mark.parametrize("name", ["tiny", "../nano", "/etc/passwd", "https://example.org/nano", "nano.toml"])
def test_a_name_that_the_operator_does_not_offer_is_refused(here: World, job, name: str) -> None:
    client, job_id = job
    answer = client.post(f"/v1/jobs/{job_id}/trainings", json={"training": name})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:reflectgen:problem:unusable-recipe")
    assert client.get(f"/v1/jobs/{job_id}/trainings").json()["data"] == []


@pytest.mark.parametrize("more", [{"tokenizer": "x"}, {"config": "x"}, {"options": {}}, {"out": "/tmp"}])
def test_there_is_no_field_for_anything_but_the_name_and_the_arm(job, more) -> None:
    client, job_id = job
    assert client.post(f"/v1/jobs/{job_id}/trainings", json={"training": "nano", **more}).status_code == 422


def test_a_job_that_is_not_completed_is_not_trained_on(here: World) -> None:
    client = here.client("read", "submit")
    answer = client.post(f"/v1/jobs/{here.job(client)}/trainings", json={"training": "nano"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:reflectgen:problem:conflict")
    assert "not completed but validating" in answer.json()["detail"]


def test_the_trainings_of_another_look_as_if_they_were_not_there(here: World, job) -> None:
    client, job_id = job
    training_id = here.finished_training(job_id)
    other, at = here.client("read", "submit"), f"/v1/jobs/{job_id}/trainings"
    answers = [
        other.get(at),
        other.get(f"{at}/{training_id}"),
        other.get(f"{at}/{training_id}/files/manifest.json"),
        other.delete(f"{at}/{training_id}"),
        other.post(at, json={"training": "nano"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert client.get(f"{at}/{training_id}").status_code == 200
    assert here.client("read").post(at, json={"training": "nano"}).status_code == 403


def test_the_model_of_a_finished_one_is_downloaded_as_an_export_is(here: World, job) -> None:
    client, job_id = job
    at = f"/v1/jobs/{job_id}/trainings/{here.finished_training(job_id)}"
    shown = client.get(at).json()
    assert (shown["status"], shown["step"], shown["num_steps"], shown["loss"]) == ("done", 4, 4, 2.5)
    assert {file["name"] for file in shown["files"]} == {"model/model.safetensors", "log.jsonl", "manifest.json"}
    for file in shown["files"]:
        answer = client.get(f"{at}/files/{file['name']}")
        found = hashlib.sha256(answer.content).hexdigest()
        expected = {"manifest.json": shown["manifest_sha256"]}.get(file["name"], file["sha256"])
        assert (answer.status_code, len(answer.content), found) == (200, file["num_bytes"], expected)
    whole = client.get(f"{at}/files/model/model.safetensors")
    part = client.get(f"{at}/files/model/model.safetensors", headers={"Range": "bytes=5-20"})
    assert (part.status_code, part.content) == (206, whole.content[5:21])
    assert whole.headers["etag"] == f'"{hashlib.sha256(whole.content).hexdigest()}"'


@pytest.mark.parametrize("name", ["../../../reflectgen.sqlite", "%2e%2e/x", "model", "model/secret", "process.log"])
def test_no_name_leads_to_any_other_file(here: World, job, name: str) -> None:
    client, job_id = job
    training_id = here.finished_training(job_id)
    (folder,) = (here.settings.data / "jobs" / job_id / "trainings").iterdir()
    (folder / "model" / "secret").write_text("canary")
    (folder / "process.log").write_text("canary")
    answer = client.get(f"/v1/jobs/{job_id}/trainings/{training_id}/files/{name}")
    assert answer.status_code == 404
    assert "canary" not in answer.text


def test_a_deleted_one_is_gone_with_its_files_and_its_number_is_not_given_again(here: World, job) -> None:
    client, job_id = job
    first = here.finished_training(job_id)
    assert client.delete(f"/v1/jobs/{job_id}/trainings/{first}").json()["deleted"] is True
    assert client.get(f"/v1/jobs/{job_id}/trainings/{first}").status_code == 404
    assert list((here.settings.data / "jobs" / job_id / "trainings").iterdir()) == []
    assert client.delete(f"/v1/jobs/{job_id}/trainings/{first}").status_code == 404
    client.post(f"/v1/jobs/{job_id}/trainings", json={"training": "nano"})
    with here.store.read() as connection:
        (left,) = trainings.of_job(connection, number_of(here, job_id))
    assert left.number == 1  # a worker that is at the deleted one must not take the new one for it


def test_a_failed_one_says_why_without_the_folders_of_the_server_and_retry_has_it_wait_again(here: World, job) -> None:
    client, job_id = job
    shown = client.post(f"/v1/jobs/{job_id}/trainings", json={"training": "nano"}).json()
    with here.store.write() as connection:
        claim = tasks.claim(connection, here.queue.rung[-1].task_id, "a worker", 60.0)
        assert claim is not None
    at = f"/v1/jobs/{job_id}/trainings/{shown['id']}"
    assert client.get(at).json()["status"] == "running"
    with here.store.write() as connection:
        assert tasks.set_aside(connection, claim, "cannot read /srv/operator/secret/tokenizer.json; name another")
    failed = client.get(at).json()
    assert (failed["status"], failed["error"]) == ("failed", "cannot read .../tokenizer.json; name another")
    assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "completed"
    assert client.post(f"/v1/jobs/{job_id}/retry").json()["num_tasks"] == 1
    assert client.get(at).json()["status"] == "waiting"
    assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "completed"


def test_what_a_person_rejects_makes_a_model_stale(here: World, job) -> None:
    client, job_id = job
    at = f"/v1/jobs/{job_id}/trainings/{here.finished_training(job_id)}"
    assert client.get(at).json()["is_stale"] is False
    place = client.get(f"/v1/jobs/{job_id}/reflections").json()["data"][0]["id"]
    said = {"decision": "reject", "reviewer": "maria", "reason": "no", "verdict": "unsafe", "category": "hate"}
    reviewed = here.client("admin").post(f"/v1/jobs/{job_id}/reflections/{place}/review", json=said)
    assert reviewed.status_code == 200, reviewed.text
    assert client.get(at).json()["is_stale"] is True


def test_a_job_with_a_training_under_way_is_archived_after_it(here: World, job) -> None:
    client, job_id = job
    shown = client.post(f"/v1/jobs/{job_id}/trainings", json={"training": "nano"}).json()
    answer = client.post(f"/v1/jobs/{job_id}/archive")
    assert (answer.status_code, "archive it after that" in answer.json()["detail"]) == (409, True)
    client.delete(f"/v1/jobs/{job_id}/trainings/{shown['id']}")
    assert client.post(f"/v1/jobs/{job_id}/archive").status_code == 200


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("[model]\npreset = 'huge'\n", "preset 'huge' is none of"),
        ("[loop]\nstep = 4\n", "loop.step: there is no such key"),
        ("[loop]\nfsdp = true\n", "a worker trains in one"),
        (None, "cannot be read"),
    ],
)
def test_a_service_does_not_begin_with_options_that_cannot_be(tmp_path: Path, told: str | None, said: str) -> None:
    registry = write_registry(tmp_path)
    (tmp_path / "nano.toml").unlink() if told is None else (tmp_path / "nano.toml").write_text(told)
    with pytest.raises(RecipeError, match=said), world(tmp_path / "data", registry=registry):
        pytest.fail("it has begun")


def test_a_name_of_a_training_is_plain(tmp_path: Path) -> None:
    registry = write_registry(tmp_path)
    registry.write_text('[trainings."a/b"]\nconfig = "nano.toml"\ntokenizer = "t"\n')
    with pytest.raises(RecipeError, match="a name has letters"), world(tmp_path / "data", registry=registry):
        pytest.fail("it has begun")
