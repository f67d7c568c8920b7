import signal
import time

import pytest

from benchmarks.prose import write_texts
from benchmarks.stub import TOOLS
from reflectgen.store import tasks
from tests.faults.audit import counts_of
from tests.faults.fleet import fleet

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (TOOLS / "stub_openai.py").is_file(), reason="the stand-in teacher is not here"),
]


def test_a_worker_that_is_told_to_go_keeps_its_answers_and_gives_its_shard_back(
    tmp_path, postgres_server, redis_server
):
    texts = write_texts(tmp_path / "texts.jsonl", 1000)
    with fleet(tmp_path, "--latency-ms", "400") as here:
        here.start_control()
        here.add_workers(1)
        job_id = here.submit(texts)
        give_up = time.monotonic() + 60
        while counts_of(here.store, job_id).num_reflections < 50 and time.monotonic() < give_up:
            time.sleep(0.2)
        worker = here.workers.pop()
        assert worker.popen is not None
        worker.popen.send_signal(signal.SIGTERM)  # as `docker stop` does
        assert worker.popen.wait(40) == 0
        number, num_chunks = here.number_of(job_id)
        with here.store.read() as connection:
            states = tasks.counts(connection, number)
        kept = counts_of(here.store, job_id).num_reflections
        assert 50 <= kept < num_chunks
        assert {state for _, state in states} == {"ready", "done"}
        here.add_workers(1)
        assert here.wait(job_id, 120) == "completed"
        assert here.stub.stats["repeats"] == 0  # nothing that was asked had to be asked again
