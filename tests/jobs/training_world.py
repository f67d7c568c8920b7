"""A service with a completed job, whose operator offers a training."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from reflectgen.export.arms.options import ArmName
from reflectgen.jobs.offered_trainings import read_trainings
from reflectgen.jobs.registry import read_registry
from reflectgen.jobs.trainings import request_training
from reflectgen.store import trainings
from tests.export.tokenizers_of_tests import write_tokenizer
from tests.jobs.service_world import Service

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


def steps_of(folder: Path) -> list[int]:
    return [line["step"] for line in map(json.loads, (folder / "log.jsonl").read_text().splitlines())]


def the_task(world, number=0):
    (row,) = [row for row in world.tasks(world.job_id) if (row.kind, row.number) == ("train", number)]
    return row


def printed_by(code: str, *arguments: object) -> str:
    """What a new process prints that runs `code`."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
