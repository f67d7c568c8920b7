"""A service for tests: a store, the application over it, keys, and jobs that are as far as a test wants them."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import insert, select, update
from starlette.testclient import TestClient

from reflectgen.api.app import create_app
from reflectgen.api.keys import new_token
from reflectgen.jobs.reconcile import reconcile
from reflectgen.settings import ServiceSettings
from reflectgen.store import Store, clock, events, exports, jobs, keys, tasks, trainings
from reflectgen.store.tables import metadata
from reflectgen.store.tasks import Doorbell
from reflectgen.train.model_manifest import ModelManifest, files_of, write_model_manifest
from tests.jobs.worlds import FixedGuard, good_reply, passage_of, run_here, scripted_teacher, varied, write_corpus
from tests.servers import free_port


class Bells:
    """A queue that only remembers who was rung for."""

    def __init__(self) -> None:
        self.rung: list[Doorbell] = []

    def ring(self, bells: Sequence[Doorbell]) -> None:
        self.rung += bells

    def depth(self, kind: str) -> int:
        return len(self.rung)


@dataclass(slots=True)
class World:
    settings: ServiceSettings
    store: Store
    queue: Bells
    app: FastAPI

    def key(self, *scopes: str, expires_at: float | None = None) -> str:
        key_id, token, secret_sha256 = new_token()
        with self.store.write() as connection:
            keys.add(connection, key_id, "test", secret_sha256, scopes, expires_at)
        return token

    def client(self, *scopes: str, token: str | None = None) -> TestClient:
        token = token or self.key(*scopes)
        headers = {"Authorization": f"Bearer {token}"}
        return TestClient(self.app, headers=headers, raise_server_exceptions=False)

    def reconcile(self) -> None:
        reconcile(self.store, self.queue)

    def corpus(self, client: TestClient, texts: Sequence[str] = ("One fine day.",)) -> str:
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        answer = client.post("/v1/corpora?name=a.jsonl", content=lines)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def job(self, client: TestClient, **wanted: Any) -> str:
        body = {"corpus": self.corpus(client), **wanted}
        answer = client.post("/v1/jobs", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def finished_job(self, client: TestClient, texts: Sequence[str] | None = None) -> str:
        """Submit a job and bring it to its end by way of the engine of one machine."""
        public_id = self.job(client)
        finish(self.store, self.settings.data, public_id, texts or [f"{varied(str(n))} It ended." for n in range(4)])
        return public_id

    def finished_training(self, job_id: str) -> str:
        """Add a training to a finished job as its worker would leave it, with a model of a few bytes."""
        with self.store.write() as connection:
            job = jobs.find(connection, job_id)
            assert job is not None
            number = tasks.next_number(connection, job.id, trainings.KIND)
            public_id = "training_" + hashlib.sha256(f"{job_id}{number}".encode()).hexdigest()[:24]
            trainings.add(connection, job.id, number, public_id, {"name": "nano", "arm": "srp"})
            tasks.add(connection, job.id, trainings.KIND, number)
            tasks.call_off(connection, job.id, trainings.KIND, number)
            folder = f"trainings/{public_id}-1"
            sha256 = write_model(self.settings.data / "jobs" / job_id / folder)
            trainings.note_progress(connection, job.id, number, 4, 4, 2.5)
            trainings.finish(connection, job.id, number, folder, sha256)
        return public_id


def write_model(folder: Path) -> str:
    """Write what could be a finished training; return the hash of its manifest."""
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.safetensors").write_bytes(b"not many weights " * 64)
    (folder / "log.jsonl").write_text('{"step": 4, "loss": 2.5}\n')
    about = {"training": "nano", "arm": "srp", "corpus_manifest_sha256": "", "code_version": "", "held_out": {}}
    files = files_of(folder)
    write_model_manifest(
        folder, ModelManifest.model_validate({**about, "num_steps": 4, "num_tokens": 256, "loss": 2.5, "files": files})
    )
    return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


def write_registry(folder: Path) -> Path:
    """Write an operator's registry that offers the training `nano`."""
    path = folder / "registry.toml"
    (folder / "nano.toml").write_text("[loop]\nsteps = 4\n")
    path.write_text('[recipes.builtin]\n[trainings.nano]\nconfig = "nano.toml"\ntokenizer = "a-tokenizer"\n')
    return path


@contextmanager
def world(data: Path, store: Store | None = None, **settings: Any) -> Iterator[World]:
    data.mkdir(exist_ok=True)
    wanted = ServiceSettings(data=data, **settings)
    queue = Bells()
    with store or Store(data / "reflectgen.sqlite") as opened:
        app = create_app(wanted, opened, queue)
        app.state.service.lately.seconds = 0.0  # tests change the database behind the application's back
        yield World(wanted, opened, queue, app)


@contextmanager
def serving(here: World) -> Iterator[str]:
    """Have a service listen on a port of 127.0.0.1; yield its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(here.app, "127.0.0.1", port, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def finish(store: Store, data: Path, public_id: str, texts: Sequence[str]) -> None:
    """Run a job elsewhere and bring its rows, shards and export here, as its workers would have left them."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        teacher, _ = scripted_teacher(lambda r: good_reply(f"{varied(passage_of(r)[-60:])}"))
        run_here(write_corpus(Path(folder) / "c.jsonl", texts), out, FixedGuard(), teacher)
        here = data / "jobs" / public_id
        for name in ("corpus", "chunks"):
            shutil.copytree(out / name, here / name)
        with store.write() as connection:
            job = jobs.find(connection, public_id)
            assert job is not None
            with Store(out / "reflectgen.sqlite") as other, other.read() as reading:
                _copy_rows(reading, connection, job.id)
            connection.execute(update(tasks.task).where(tasks.task.c.job_id == job.id).values(state="done"))
            export_id = "export_" + hashlib.sha256(public_id.encode()).hexdigest()[:24]
            exports.add(connection, job.id, 0, export_id, {})
            shutil.copytree(out / "export", here / "exports" / "whole")
            manifest = (out / "export" / "manifest.json").read_bytes()
            exports.finish(connection, job.id, 0, "exports/whole", hashlib.sha256(manifest).hexdigest())
            jobs.mark_ingested(connection, job.id)
            jobs.mark_finished(connection, job.id, clock.now(connection))
            events.add(connection, job.id, "completed", {}, clock.now(connection))


def _copy_rows(reading: Any, connection: Any, job_id: int) -> None:
    old = jobs.latest(reading)
    assert old is not None
    connection.execute(
        update(metadata.tables["job"])
        .where(metadata.tables["job"].c.id == job_id)
        .values(recipe=json.dumps(old.recipe))
    )
    ids: dict[int, int] = {}
    provenance = metadata.tables["provenance"]
    for row in reading.execute(select(provenance)):
        there = select(provenance.c.id).where(provenance.c.record == row.record)
        known = connection.execute(there).scalar_one_or_none()
        values = {"key": row.key, "record": row.record}
        ids[row.id] = (
            known or connection.execute(insert(provenance).values(values).returning(provenance.c.id)).scalar_one()
        )
    for name in ("source", "shard", "document", "rejected_row", "reflection"):
        table = metadata.tables[name]
        rows = [dict(row._mapping) | {"job_id": job_id} for row in reading.execute(select(table))]
        for row in rows:
            for column in ("provenance_id", "guard_provenance_id"):
                if column in row:
                    row[column] = ids[row[column]]
        if rows:
            connection.execute(insert(table), rows)
