"""Exports that are asked for over HTTP as tokens, as dolma has it, or as an ablation arm; made by a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reflectgen.client import APIError, Client
from reflectgen.export.manifest import read_manifest
from reflectgen.export.token_manifest import read_token_manifest
from reflectgen.export.verify import verify_export
from reflectgen.export.verify_made import made_folders, verify_made
from reflectgen.jobs.registry import read_registry
from reflectgen.jobs.worker import Worker
from reflectgen.store.tables import task
from tests.api.worlds import World, world
from tests.export.tokenizers_of_tests import write_tokenizer

TEXTS = [f"Leaf n{n} takes in light and turns it into sugar. I will kill you, n{n}, with this knife." for n in range(8)]
FORMATS = ["tokens", "megatron", "datatrove", "olmo", "dolma", "standoff"]


class Made:
    """A world with a worker, and one completed job."""

    def __init__(self, here: World) -> None:
        self.here = here
        registry = here.settings.registry
        self._worker = Worker(
            here.store, here.queue, lambda: read_registry(registry), here.settings.data, lease_seconds=60
        )
        self._key = here.key("read", "submit")
        self.http = here.client(token=self._key)
        self.job_id = here.job(self.http, corpus=here.corpus(self.http, TEXTS))
        self.work()
        self.at = f"/v1/jobs/{self.job_id}"

    def work(self) -> None:
        while self.here.queue.rung:
            self._worker.do(self.here.queue.rung.pop(0).task_id)

    def client(self) -> Client:
        return Client("http://testserver", self._key, transport=self.http._transport)

    def ask(self, **wanted: object) -> tuple[int, dict]:
        answer = self.http.post(f"{self.at}/exports", json=wanted)
        return answer.status_code, answer.json()

    def close(self) -> None:
        self._worker.close()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    tokenizer, registry = write_tokenizer("bytes", tmp_path), tmp_path / "registry.toml"
    registry.write_text(f'[recipes.builtin]\n[tokenizers.small]\npath = "{tokenizer}"\n')
    with world(tmp_path / "data", registry=registry) as here:
        one = Made(here)
        yield one
        one.close()


def test_every_format_is_made_by_a_worker_downloaded_whole_and_proved(made: Made, tmp_path: Path) -> None:
    with made.client() as client:
        assert client.tokenizers() == ["small"]
        asked = client.export(made.job_id, FORMATS, tokenizer="small", weights={"text": 0.5})
        assert (asked.status, asked.formats, asked.tokenizer) == ("in_progress", FORMATS, "small")
        made.work()
        whole = client.get_export(made.job_id, asked.id)
        client.download(made.job_id, whole, tmp_path / "out")
    out = tmp_path / "out"
    assert {folder.name for folder in made_folders(out)} == set(FORMATS) - {"standoff"}
    report = verify_export(out)
    for folder in made_folders(out):
        verify_made(folder, report)
    assert report.problems == []
    manifest, _ = read_token_manifest(out / "tokens")
    assert (manifest.weights.text, manifest.num_documents) == (0.5, len(TEXTS))
    assert (out / "tokens" / "tokenizer" / "tokenizer_config.json").is_file()


@pytest.mark.parametrize(("arm", "tokenizer"), [("raw", None), ("raw-matched", "small"), ("filter", None)])
def test_an_arm_is_made_by_a_worker_and_says_what_it_is(made: Made, arm: str, tokenizer: str | None) -> None:
    status, shown = made.ask(arm={"name": arm, "seed": 7}, **({"tokenizer": tokenizer} if tokenizer else {}))
    assert (status, shown["arm"]) == (201, arm)
    made.work()
    exports = made.http.get(f"{made.at}/exports").json()["data"]
    assert [one["arm"] for one in exports] == ["srp", arm]
    (folder,) = (made.here.settings.data / "jobs" / made.job_id / "exports").glob(f"{shown['id']}-*")
    written = read_manifest(folder).arm
    assert (written.name, written.seed) == (arm, 7)
    assert written.measure.startswith("tokens of sha256:" if tokenizer else "words")


@pytest.mark.parametrize(
    ("wanted", "kind", "said"),
    [
        ({"formats": ["tokens"]}, "invalid-request", "needs a tokenizer"),
        ({"formats": ["tokens"], "tokenizer": "other"}, "unusable-recipe", "there are small"),
        ({"formats": ["tokens"], "tokenizer": "../../etc/passwd"}, "unusable-recipe", "no tokenizer"),
        ({"tokenizer": "small"}, "invalid-request", "leave it out"),
        ({"weights": {"text": 2.0}}, "invalid-request", "beside tokens"),
        ({"formats": ["standoff"], "arm": {"name": "raw"}}, "invalid-request", "no reflections"),
        ({"formats": ["dolma"], "arm": {"name": "filter"}}, "invalid-request", "no reflections"),
        ({"arm": {"name": "raw", "measure": "words"}}, "invalid-request", ""),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_made(
    made: Made, wanted: dict, kind: str, said: str
) -> None:
    status, problem = made.ask(**wanted)
    assert (status, problem["type"].rpartition(":")[2]) == (422, kind)
    assert said in f"{problem['detail']} {problem.get('errors')}"
    assert len(made.http.get(f"{made.at}/exports").json()["data"]) == 1


def test_an_export_that_cannot_be_made_says_so_and_leaves_its_job_completed(made: Made, tmp_path: Path) -> None:
    (tmp_path / "bytes.json").write_text("{}")
    _, shown = made.ask(formats=["tokens"], tokenizer="small")
    for _ in range(10):
        made.work()
        with made.here.store.write() as connection:
            connection.execute(task.update().values(not_before=0.0))
        made.here.reconcile()
    with made.client() as client:
        failed = client.get_export(made.job_id, shown["id"])
        assert (failed.status, client.job(made.job_id).status) == ("failed", "completed")
        assert "is not a tokenizer" in failed.error
        assert str(tmp_path) not in failed.error
        with pytest.raises(APIError, match="is not a tokenizer"):
            client.wait_for_export(made.job_id, shown["id"])
        write_tokenizer("bytes", tmp_path)
        client.retry(made.job_id)
        made.here.reconcile()
        made.work()
        assert client.get_export(made.job_id, shown["id"]).status == "completed"
