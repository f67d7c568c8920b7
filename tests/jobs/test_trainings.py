"""Trainings of the service: asked for by name, claimed, stopped, called off; what learns is a stand-in here."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from sqlalchemy import update

from reflectgen.errors import InputError, RecipeError
from reflectgen.jobs.service import retry
from reflectgen.jobs.trainings import call_off
from reflectgen.store import jobs, tasks
from reflectgen.store.tables import job as job_table
from reflectgen.train.places import newest, step_of
from tests.jobs.stand_in_training import BEHAVIOURS, NUM_STEPS
from tests.jobs.training_world import World, printed_by, registry_of, steps_of, the_task


@pytest.fixture
def world(tmp_path, any_store):
    made = World(tmp_path, store=any_store)
    yield made
    made.worker.close()


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
