"""Trainings of the service that really learn: from a name to a model, through stops, kills and lost leases."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from reflectgen.export.arms.options import ArmName
from reflectgen.jobs.offered_trainings import read_trainings
from reflectgen.jobs.registry import read_registry
from reflectgen.jobs.trainings import request_training
from reflectgen.store import tasks
from reflectgen.train.model_manifest import read_model_manifest
from reflectgen.train.places import newest, step_of
from tests.jobs.training_world import LONG, World, printed_by, registry_of, steps_of, the_task

pytestmark = [pytest.mark.train, pytest.mark.timeout(400)]


@pytest.fixture
def trained_world(tmp_path):
    """A world for what takes its time: on one database."""
    made = World(tmp_path)
    yield made
    made.worker.close()
    made.store.close()


def sha256s(folder: Path) -> dict[str, str]:
    files = read_model_manifest(folder).files
    return {file.path: file.sha256 for file in files if file.path.startswith("model/")}


def children() -> list[int]:
    """The processes that this one has started to train."""
    found = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True).stdout.split()
    return [pid for pid in map(int, found) if b"reflectgen.train.child" in Path(f"/proc/{pid}/cmdline").read_bytes()]


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


def test_the_worker_that_trains_imports_no_torch_itself(tmp_path):
    code = """
import sys
from pathlib import Path
from tests.jobs.training_world import World
world = World(Path(sys.argv[1]))
training_id = world.ask()
world.deliver()
assert world.training(training_id).task_state == "done", world.training(training_id)
print([name for name in ("torch", "transformers", "accelerate") if name in sys.modules])
"""
    assert printed_by(code, tmp_path) == "[]"


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
