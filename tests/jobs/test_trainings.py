"""Trainings of the service: asked for by name, claimed, done in a process of their own, stopped and gone on with."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from reflectgen.errors import InputError, RecipeError
from reflectgen.export.arms.options import ArmName
from reflectgen.jobs.offered_trainings import read_trainings
from reflectgen.jobs.registry import read_registry
from reflectgen.jobs.service import retry
from reflectgen.jobs.take_over import take_over
from reflectgen.jobs.trainings import call_off, request_training
from reflectgen.store import jobs, tasks, trainings
from reflectgen.store.tables import job as job_table
from reflectgen.train.model_manifest import read_model_manifest
from reflectgen.train.places import newest, step_of
from tests.export.tokenizers_of_tests import write_tokenizer
from tests.jobs.service_world import Service
from tests.jobs.stand_in_training import BEHAVIOURS, NUM_STEPS

TEXTS = [" ".join(f"Sentence s{d}x{n} speaks calmly of boats and gulls today." for n in range(8)) for d in range(12)]
LONG = 800  # steps, of which a test has time to see the first
TINY = """
[model]
shape = {{hidden_size = 16, num_layers = 1, num_heads = 2, intermediate_size = 32}}
[data]
sequence_length = 32
[loop]
steps = {steps}
batch_size = 2
threads = 1
device = "cpu"
[log]
every = 1
tensorboard = false
[checkpoint]
every = {save_every}
"""


def registry_of(folder: Path, steps: int = 6, save_every: int = 2, more: str = "") -> Path:
    """A registry that offers the training `tiny`."""
    if not (folder / "tokenizer.json").exists():
        write_tokenizer("bytes", folder).rename(folder / "tokenizer.json")
    (folder / "tiny.toml").write_text(more + TINY.format(steps=steps, save_every=save_every))
    path = folder / "registry.toml"
    path.write_text('[trainings.tiny]\nconfig = "tiny.toml"\ntokenizer = "tokenizer.json"\n')
    return path


class World(Service):
    """A service with a completed job."""

    def __init__(self, folder, **more):
        super().__init__(folder, **more)
        self.add_corpus(TEXTS)
        self.job_id = self.submit()
        self.deliver()
        assert self.status(self.job_id) == "completed"

    def ask(self, arm=ArmName.SRP, **told) -> str:
        path = registry_of(self.folder, **told)
        offered = read_trainings(read_registry(path), path)["tiny"]
        return request_training(self.store, self.queue, self.job_id, "tiny", offered, arm)

    def training(self, training_id):
        with self.store.read() as connection:
            found = trainings.of_job(connection, self.job(self.job_id).id)
        return next((one for one in found if one.public_id == training_id), None)

    def folders(self):
        return sorted((self.job_folder(self.job_id) / "trainings").glob("*"))

    def folder_of(self, training_id):
        return self.job_folder(self.job_id) / self.training(training_id).folder

    def start(self, **more):
        """Have a worker of its own begin what is rung for, in a thread."""
        going, bell = threading.Event(), self.queue.waiting.pop(0)
        worker = self.new_worker(is_to_go=going.is_set, **more)
        thread = threading.Thread(target=lambda: (worker.do(bell.task_id), worker.close()))
        thread.start()
        return going, thread

    def wait_for_step(self, training_id, step):
        give_up = time.monotonic() + 200
        while self.training(training_id).step < step:
            assert time.monotonic() < give_up, self.training(training_id)
            time.sleep(0.05)

    def wait_for_claim(self, training_id, token, step):
        """Return once the run of one claim has come to a step."""
        folder, give_up = self.job_folder(self.job_id) / f"trainings/{training_id}-{token}", time.monotonic() + 200
        while not (folder / "log.jsonl").exists() or step not in steps_of(folder):
            assert time.monotonic() < give_up, self.training(training_id)
            time.sleep(0.05)


@pytest.fixture
def world(tmp_path, any_store):
    made = World(tmp_path, store=any_store)
    yield made
    made.worker.close()


@pytest.fixture
def trained_world(tmp_path):
    """A world for what takes its time: on one database."""
    made = World(tmp_path)
    yield made
    made.worker.close()
    made.store.close()


def sha256s(folder: Path) -> dict[str, str]:
    """The model's files; its card, which names the export that the tokens were made of, has the time of that in it."""
    files = read_model_manifest(folder).files
    return {file.path: file.sha256 for file in files if file.path.startswith("model/") and file.path[-3:] != ".md"}


def steps_of(folder: Path) -> list[int]:
    return [line["step"] for line in map(json.loads, (folder / "log.jsonl").read_text().splitlines())]


@pytest.fixture
def stand_in(world, monkeypatch):
    """The world, whose workers start what stands in for a training; without torch, as far as they can see."""
    program = world.folder / "python"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name('stand_in_training.py')}\n")
    program.chmod(0o755)
    monkeypatch.setattr("reflectgen.train.process.sys.executable", str(program))
    monkeypatch.setattr("reflectgen.jobs.do_train.missing_library", lambda: None)
    monkeypatch.setattr("reflectgen.jobs.do_train.NOTE_SECONDS", 0.0)
    return world


def told(behaviour: str) -> str:
    return f"seed = {BEHAVIOURS[behaviour]}\n"


def the_task(world, number=0):
    (row,) = [row for row in world.tasks(world.job_id) if (row.kind, row.number) == ("train", number)]
    return row


def children() -> list[int]:
    """The processes that this one has started to train."""
    found = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True).stdout.split()
    return [pid for pid in map(int, found) if b"reflectgen.train.child" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def printed_by(code: str, *arguments: object) -> str:
    """What a new process prints that runs `code`."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_how_far_it_is_can_be_seen_and_the_row_names_the_folder_that_counts(stand_in):
    training_id = stand_in.ask(more=told("ends"))
    stand_in.deliver()
    done = stand_in.training(training_id)
    assert (done.task_state, done.step, done.num_steps, done.loss) == ("done", 6, 6, 0.1)
    assert stand_in.folders() == [stand_in.folder_of(training_id)]
    assert [path.name for path in stand_in.folders()[0].iterdir() if path.is_dir()] == ["model"]
    assert stand_in.status(stand_in.job_id) == "completed"


def test_without_the_extra_it_is_set_aside_at_once_with_what_to_install(world, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not there
    training_id = world.ask()
    world.deliver()
    failed = world.training(training_id)
    assert failed.task_state == "quarantined"
    assert failed.error == "training needs torch: pip install 'reflectgen[train]'"
    assert world.status(world.job_id) == "completed"
    assert world.folders() == []


def test_what_no_second_attempt_mends_is_set_aside_and_the_job_stays_completed(stand_in):
    training_id = stand_in.ask(more=told("cannot"))
    stand_in.deliver()
    failed = stand_in.training(training_id)
    assert (failed.task_state, failed.error) == (
        "quarantined",
        "data.sequence_length is more than the model's 8 positions",
    )
    assert (stand_in.status(stand_in.job_id), stand_in.job(stand_in.job_id).error) == ("completed", "")
    assert retry(stand_in.store, stand_in.queue, stand_in.job_id) == 1
    assert stand_in.training(training_id).task_state == "ready"
    assert stand_in.status(stand_in.job_id) == "completed"


def test_one_that_dies_every_time_before_anything_is_saved_is_set_aside_after_five_attempts(stand_in):
    training_id = stand_in.ask(more=told("dies"))
    for attempt in range(1, tasks.MAX_ATTEMPTS + 1):
        stand_in.deliver()
        assert (the_task(stand_in).state, the_task(stand_in).num_attempts) == ("ready", attempt)
        stand_in.alter_tasks(not_before=0.0)
        stand_in.reconcile()
    failed = stand_in.training(training_id)
    assert (failed.task_state, "ended with -9" in failed.error) == ("quarantined", True)
    assert stand_in.status(stand_in.job_id) == "completed"


def test_attempts_before_a_checkpoint_was_saved_do_not_count_and_each_goes_on_from_the_newest(stand_in):
    training_id = stand_in.ask(more=told("saves_and_dies"))
    for claim in range(1, NUM_STEPS):
        stand_in.deliver()
        assert the_task(stand_in).num_attempts == 0
        (folder,) = stand_in.folders()  # those of older claims are gone
        assert folder.name.endswith(f"-{claim}")
        assert (folder / "began_at").read_text() == str(claim - 1)
        assert steps_of(folder) == list(range(1, claim + 1))
        stand_in.alter_tasks(not_before=0.0)
        stand_in.reconcile()
    stand_in.deliver()
    assert stand_in.training(training_id).task_state == "done"


@pytest.mark.parametrize("what", ["the worker is to go", "the job is held", "the lease is lost"])
def test_whatever_ends_a_claim_the_training_stops_and_saves_and_another_goes_on(stand_in, what):
    training_id = stand_in.ask(more=told("waits"))
    going, thread = stand_in.start(lease_seconds=2.0)
    stand_in.wait_for_step(training_id, 2)
    job_id = stand_in.job(stand_in.job_id).id
    if what == "the worker is to go":
        going.set()
    elif what == "the job is held":
        with stand_in.store.write() as connection:
            jobs.set_hold(connection, job_id, "paused")
    else:
        stand_in.alter_tasks(token=7)  # as another's claim would
    thread.join(30)
    assert not thread.is_alive()
    (folder,) = stand_in.folders()
    assert step_of(newest(folder / "checkpoints")) == 2
    assert the_task(stand_in).state == ("leased" if what == "the lease is lost" else "ready")
    with stand_in.store.write() as connection:
        jobs.set_hold(connection, job_id, "")
    stand_in.alter_tasks(lease_expires_at=1.0)
    stand_in.queue.waiting.clear()
    stand_in.reconcile()
    _, thread = stand_in.start(lease_seconds=2.0)
    stand_in.wait_for_step(training_id, 4)
    assert (stand_in.folders()[-1] / "began_at").read_text() == "2"
    call_off(stand_in.store, stand_in.job_id, training_id)
    thread.join(200)


def test_one_that_is_called_off_stops_and_leaves_nothing(stand_in):
    training_id = stand_in.ask(more=told("waits"))
    _, thread = stand_in.start(lease_seconds=2.0)
    stand_in.wait_for_step(training_id, 2)
    call_off(stand_in.store, stand_in.job_id, training_id)
    thread.join(30)
    assert not thread.is_alive()
    assert stand_in.training(training_id) is None
    assert stand_in.folders() == []
    assert stand_in.status(stand_in.job_id) == "completed"
    assert stand_in.reconcile().num_rung == 0


def test_a_job_that_is_deleted_meanwhile_leaves_no_folder(stand_in):
    training_id = stand_in.ask(more=told("waits"))
    _, thread = stand_in.start(lease_seconds=2.0)
    stand_in.wait_for_step(training_id, 2)
    with stand_in.store.write() as connection:
        jobs.discard(connection, stand_in.job(stand_in.job_id).id)
    folder = stand_in.folder / "jobs" / stand_in.job_id
    shutil.rmtree(folder)
    thread.join(30)
    assert not thread.is_alive()
    assert not folder.exists()


def test_the_process_that_trains_is_told_no_secret(stand_in, monkeypatch):
    monkeypatch.setenv("REFLECTGEN_DATABASE_URL", "postgresql://a:hunter2@b/c")
    monkeypatch.setenv("KEPT", "1")
    program = stand_in.folder / "python"
    program.write_text(program.read_text().replace("exec", "env >environment\nexec"))
    training_id = stand_in.ask(more=told("ends"))
    stand_in.deliver()
    environment = (stand_in.folder_of(training_id) / "environment").read_text()
    assert "KEPT=1" in environment
    assert not [line for line in environment.splitlines() if line.startswith("REFLECTGEN_") or "hunter2" in line]


def test_who_plans_reflects_exports_and_serves_imports_no_torch(tmp_path):
    code = """
import sys
from pathlib import Path
from starlette.testclient import TestClient
import workers.app
from reflectgen.api.app import create_app
from reflectgen.settings import ServiceSettings
from tests.jobs.test_trainings import World, registry_of
folder = Path(sys.argv[1])
world = World(folder)
world.ask()
app = create_app(ServiceSettings(data=folder, registry=registry_of(folder)), world.store, world.queue)
assert TestClient(app).get("/openapi.json").json()["paths"]["/v1/jobs/{job_id}/trainings"]
print([name for name in ("torch", "transformers", "accelerate") if name in sys.modules])
"""
    assert printed_by(code, tmp_path).splitlines()[-1] == "[]"


def test_a_conversation_is_not_trained_on(world):
    with world.store.write() as connection:
        job = world.job(world.job_id)
        recipe = job.recipe | {"read": job.recipe["read"] | {"rows": "chat"}}
        connection.execute(update(job_table).where(job_table.c.id == job.id).values(recipe=json.dumps(recipe)))
    with pytest.raises(RecipeError, match="conversations"):
        world.ask()


def test_one_that_is_not_there_cannot_be_called_off(world):
    with pytest.raises(InputError, match="no training training_x"):
        call_off(world.store, world.job_id, "training_x")


def test_options_that_were_changed_after_it_was_asked_for_do_not_change_it(stand_in):
    training_id = stand_in.ask(more=told("ends"))
    registry_of(stand_in.folder, more=told("cannot"))
    stand_in.deliver()
    assert stand_in.training(training_id).task_state == "done"


# --- taking over: files alone ---------------------------------------------------------------------------------------


def claimed(folder: Path, token: int, steps=(), *, tokens: str = "") -> Path:
    made = folder / f"training_a-{token}"
    for step in steps:
        (made / f"checkpoints/step-{step:08d}/training").mkdir(parents=True)
        (made / f"checkpoints/step-{step:08d}/training/state.json").write_text(f"{token}")
        (made / "log.jsonl").write_text(json.dumps({"step": step}) + "\n")
    if tokens:
        (made / "tokens").mkdir(parents=True)
        (made / "tokens/manifest.json").write_text(tokens)
    made.mkdir(exist_ok=True, parents=True)
    return made


def test_a_claim_begins_with_the_newest_checkpoint_and_the_tokens_that_it_was_learnt_from(tmp_path):
    claimed(tmp_path, 1, (2, 4), tokens="first")
    claimed(tmp_path, 2, (3,), tokens="second")
    claimed(tmp_path, 3)
    new = tmp_path / "training_a-4"
    take_over(new)
    assert [path.name for path in new.glob("checkpoints/*")] == ["step-00000004"]
    assert (new / "tokens/manifest.json").read_text() == "first"
    assert steps_of(new) == [4]
    assert list(tmp_path.iterdir()) == [new]


def test_a_straggler_touches_nothing_of_a_newer_claim_or_of_another_training(tmp_path):
    newer, other = claimed(tmp_path, 9, (8,), tokens="t"), tmp_path / "training_b-1"
    other.mkdir()
    take_over(tmp_path / "training_a-2")
    assert list((tmp_path / "training_a-2").iterdir()) == []
    assert (newer / "checkpoints/step-00000008/training/state.json").exists() and other.exists()


def test_what_a_straggler_writes_after_it_was_taken_over_from_changes_nothing(tmp_path):
    old = claimed(tmp_path, 1, (2,), tokens="t")
    log = (old / "log.jsonl").open("a")
    new = tmp_path / "training_a-2"
    take_over(new)
    with log:
        log.write(json.dumps({"step": 3}) + "\n")
    assert steps_of(new) == [2]


def test_a_checkpoint_that_vanishes_while_it_is_taken_over_gives_way_to_the_one_after(tmp_path, monkeypatch):
    old, link, calls = claimed(tmp_path, 1, (2,), tokens="t"), os.link, []

    def vanishing(path, to):
        calls.append(path)
        if len(calls) == 2:
            shutil.rmtree(old / "checkpoints/step-00000002")
            claimed(tmp_path, 1, (4,))
        link(path, to)

    monkeypatch.setattr("os.link", vanishing)
    new = tmp_path / "training_a-2"
    take_over(new)
    assert step_of(newest(new / "checkpoints")) == 4
    assert (new / "tokens/manifest.json").exists()


def test_a_claim_that_died_while_it_took_over_is_none_to_take_over_from(tmp_path):
    claimed(tmp_path, 1, (2,), tokens="t")
    half = tmp_path / "training_a-2.partial"
    (half / "tokens").mkdir(parents=True)
    (half / "tokens/manifest.json").write_text("half")
    take_over(tmp_path / "training_a-3")
    assert (tmp_path / "training_a-3/tokens/manifest.json").read_text() == "t"


def test_where_there_are_no_links_files_are_copied(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr("os.link", refused)
    claimed(tmp_path, 1, (2,), tokens="t")
    take_over(tmp_path / "training_a-2")
    assert step_of(newest(tmp_path / "training_a-2/checkpoints")) == 2


# --- with torch -----------------------------------------------------------------------------------------------------


@pytest.mark.train
@pytest.mark.timeout(400)
def test_a_training_goes_from_its_name_to_a_model_that_its_manifest_names(trained_world):
    world = trained_world
    training_id = world.ask()
    assert world.training(training_id).task_state == "ready"
    world.deliver()
    done = world.training(training_id)
    assert (done.task_state, done.step, done.num_steps, done.error) == ("done", 6, 6, "")
    assert done.loss > 0 and done.finished_at
    folder = world.folder_of(training_id)
    manifest = read_model_manifest(folder)
    assert (manifest.training, manifest.arm, manifest.num_steps) == ("tiny", "srp", 6)
    assert {"model/model.safetensors", "model/tokenizer.json", "model/README.md", "log.jsonl"} <= {
        file.path for file in manifest.files
    }
    assert world.folders() == [folder]
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["model"]
    assert str(world.folder) not in (folder / "model/README.md").read_text()
    assert world.status(world.job_id) == "completed"
    with world.store.read() as connection:
        assert not tasks.is_any_leased(connection, world.job(world.job_id).id)


@pytest.mark.train
@pytest.mark.timeout(400)
def test_the_worker_that_trains_imports_no_torch_itself(tmp_path):
    code = """
import sys
from pathlib import Path
from tests.jobs.test_trainings import World
world = World(Path(sys.argv[1]))
training_id = world.ask()
world.deliver()
assert world.training(training_id).task_state == "done", world.training(training_id)
print([name for name in ("torch", "transformers", "accelerate") if name in sys.modules])
"""
    assert printed_by(code, tmp_path) == "[]"


@pytest.mark.train
@pytest.mark.timeout(400)
def test_stopped_killed_and_taken_over_it_ends_with_the_weights_of_an_undisturbed_run(trained_world):
    world = trained_world
    undisturbed = world.ask(ArmName.RAW, steps=LONG, save_every=1000)
    world.deliver()
    training_id = world.ask(ArmName.RAW, steps=LONG, save_every=1000)

    going, thread = world.start()  # told to go: only that saves, there is no checkpoint before step 1000
    world.wait_for_step(training_id, 1)
    going.set()
    thread.join(200)
    (folder,) = world.folders()[1:] if world.folders()[0] == world.folder_of(undisturbed) else world.folders()[:1]
    stopped_at = step_of(newest(folder / "checkpoints"))
    assert 1 <= stopped_at < LONG
    assert the_task(world, 1).state == "ready"

    _, thread = world.start()  # killed, as for its memory
    world.wait_for_claim(training_id, 2, stopped_at + 1)
    for child in children():
        os.kill(child, signal.SIGKILL)
    thread.join(200)
    assert "ended with -9" in world.training(training_id).error
    world.alter_tasks(not_before=0.0)

    world.reconcile()
    _, straggler = world.start()  # its lease is lost while it works; its worker hears of that at the next note
    world.wait_for_claim(training_id, 3, stopped_at + 1)
    world.alter_tasks(lease_expires_at=1.0)
    world.reconcile()
    world.deliver()
    straggler.join(200)
    assert not straggler.is_alive()

    done, folder = world.training(training_id), world.folder_of(training_id)
    assert (done.task_state, done.step, done.folder[-2:]) == ("done", LONG, "-4")
    assert sha256s(folder) == sha256s(world.folder_of(undisturbed))
    assert steps_of(folder) == list(range(1, LONG + 1))
    assert sorted(world.folders()) == sorted([folder, world.folder_of(undisturbed)])


@pytest.mark.train
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[optimizer]\nlr = 1e30\n", "is no|loss"),
        ("", "data.sequence_length is more than the model's 8 positions"),
    ],
)
def test_an_error_of_the_training_itself_is_said_in_its_words_and_no_second_attempt_is_made(trained_world, more, said):
    world = trained_world
    path = registry_of(world.folder, more="")
    text = (world.folder / "tiny.toml").read_text()
    if not more:
        text = text.replace("intermediate_size = 32}", "intermediate_size = 32, max_positions = 8}")
    (world.folder / "tiny.toml").write_text(text + more)
    offered = read_trainings(read_registry(path), path)["tiny"]
    training_id = request_training(world.store, world.queue, world.job_id, "tiny", offered, ArmName.SRP)
    world.deliver()
    failed = world.training(training_id)
    assert (failed.task_state, the_task(world).token) == ("quarantined", 1)
    assert re.search(said, failed.error) and "\n" not in failed.error
    assert world.status(world.job_id) == "completed"
