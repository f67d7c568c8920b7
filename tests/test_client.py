"""The client against the real application, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from reflectgen.client import APIError, Client
from reflectgen.export.verify import verify_export
from reflectgen.records import Verdict
from tests.api.worlds import World, finish, serving, world, write_registry
from tests.jobs.worlds import varied, write_corpus


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[World, str]]:
    with world(tmp_path / "data", registry=write_registry(tmp_path)) as here, serving(here) as url:
        yield here, url


def test_the_whole_journey_in_python(served, tmp_path: Path) -> None:
    here, url = served
    texts = [f"{varied(str(n))} It ended." for n in range(4)]
    with Client(url, here.key("read", "submit", "review")) as client:
        corpus = client.upload(write_corpus(tmp_path / "essays.jsonl", texts))
        job = client.submit(corpus.id, metadata={"team": "a"})
        assert (job.status, job.has_ended, job.metadata) == ("validating", False, {"team": "a"})
        finish(here.store, here.settings.data, job.id, texts)
        assert [event.kind for event in client.events(job.id)] == ["submitted", "completed"]
        assert client.wait(job.id).status == "completed"
        assert [one.id for one in client.jobs()] == [job.id]
        assert [one.name for one in client.corpora()] == ["essays.jsonl"]
        rows = list(client.reflections(job.id))
        assert len(rows) == client.counts(job.id)["num_chunks"]
        assert rows[0].verdict is Verdict.SAFE
        said = {"verdict": "unsafe", "category": "hate"}
        changed = client.review(job.id, rows[0].id, accept=False, reviewer="maria", reason="no", **said)
        assert changed.verdict is Verdict.UNSAFE
        (export,) = client.exports(job.id)
        assert export.is_stale
        client.download(job.id, export, tmp_path / "out")
        assert verify_export(tmp_path / "out").ok
        assert client.export(job.id, ["jsonl"]).status == "in_progress"
        assert list(client.recipes()) == ["builtin"]
        assert client.endpoints() == []
        client.delete(job.id)
        with pytest.raises(APIError, match="there is no job") as error:
            client.job(job.id)
        assert (error.value.status, error.value.type) == (404, "urn:reflectgen:problem:not-found")


def test_a_model_is_asked_for_followed_downloaded_and_deleted(served, tmp_path: Path) -> None:
    here, url = served
    admin = here.client("admin")
    job_id = here.finished_job(admin)
    with Client(url, here.key("admin")) as client:
        assert [one["name"] for one in client.offered_trainings()] == ["nano"]
        asked = client.train(job_id, "nano", "raw")
        assert (asked.status, asked.arm, asked.num_steps, asked.has_ended) == ("waiting", "raw", None, False)
        client.delete_training(job_id, asked.id)
        training_id = here.finished_training(job_id)
        assert [one.id for one in client.trainings(job_id)] == [training_id]
        (done,) = client.follow_training(job_id, training_id)
        assert (done.status, done.step, done.loss, done.has_ended) == ("done", 4, 2.5, True)
        client.download(job_id, done, tmp_path / "out")
        folder = here.settings.data / "jobs" / job_id / "trainings" / f"{training_id}-1"
        for file in done.files:
            assert (tmp_path / "out" / file["name"]).read_bytes() == (folder / file["name"]).read_bytes()
        client.delete_training(job_id, training_id)
        with pytest.raises(APIError, match="no training"):
            client.get_training(job_id, training_id)


def test_a_training_is_followed_as_long_as_it_gets_further(monkeypatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    about = {"id": "training_1", "training": "nano", "arm": "srp", "created_at": 1, "completed_at": None, "error": None}
    about |= {"is_stale": False, "manifest_sha256": None, "files": [], "num_steps": 9, "loss": None}
    states = [("waiting", 0), ("running", 3), ("running", 3), ("running", 5), ("failed", 5), ("running", 6)]
    answers = [httpx2.Response(200, json={**about, "status": status, "step": step}) for status, step in states]
    with _client(answers, []) as client:
        seen = [(one.status, one.step) for one in client.follow_training("job_1", "training_1")]
    assert seen == [("waiting", 0), ("running", 3), ("running", 5), ("failed", 5)]


def test_a_download_goes_on_where_it_broke_and_refuses_what_was_changed(served, tmp_path: Path) -> None:
    here, url = served
    with Client(url, here.key("read", "submit")) as client:
        job_id = here.finished_job(here.client("admin"))
        with Client(url, here.key("admin")) as admin:
            (export,) = admin.exports(job_id)
            name = export.files[0]["name"]
            whole = (here.settings.data / "jobs" / job_id / "exports" / "whole" / name).read_bytes()
            partial = tmp_path / "out" / f"{name}.partial"
            partial.parent.mkdir(parents=True)
            partial.write_bytes(whole[:100])
            admin.download(job_id, export, tmp_path / "out")
            assert (tmp_path / "out" / name).read_bytes() == whole
            partial.write_bytes(b"x" * 100)
            (tmp_path / "out" / name).unlink()
            with pytest.raises(APIError, match="not what the manifest says"):
                admin.download(job_id, export, tmp_path / "out")
        with pytest.raises(APIError):
            client.exports(job_id)


def _client(answers: list[httpx2.Response | Exception], asked: list[httpx2.Request]) -> Client:
    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        said = answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    return Client("http://x", "rg_k", transport=httpx2.MockTransport(answer))


def _job() -> httpx2.Response:
    shown = {"id": "job_1", "status": "validating", "created_at": 1, "request_counts": {}, "ledger": {}, "newer": 1}
    return httpx2.Response(201, json=shown | {"corpus": "c", "recipe": "r"})


def test_a_submission_whose_answer_was_lost_is_sent_again_under_the_same_key(monkeypatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    asked: list[httpx2.Request] = []
    busy = httpx2.Response(429, headers={"Retry-After": "1"}, json={})
    with _client([httpx2.ReadError("gone"), busy, _job()], asked) as client:
        assert client.submit("c").id == "job_1"
    assert len({request.headers["Idempotency-Key"] for request in asked}) == 1
    assert len(asked) == 3


def test_what_could_happen_twice_is_sent_once(monkeypatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    asked: list[httpx2.Request] = []
    with _client([httpx2.ReadError("gone")], asked) as client, pytest.raises(APIError, match="does not answer"):
        client.export("job_1")
    assert len(asked) == 1


def test_no_file_is_written_outside_of_the_folder_that_was_named(tmp_path: Path) -> None:
    from reflectgen.client import Export

    export = Export("e", "completed", 1, 1, False, None, [{"name": "../evil", "num_bytes": 1, "sha256": None}])
    with _client([], []) as client, pytest.raises(APIError, match="outside"):
        client.download("job_1", export, tmp_path / "out")
    assert list(tmp_path.rglob("evil")) == []
