"""The fault harness. `make test-faults` runs the short version, `make test-faults LONG=1` the long one."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmarks.prose import write_texts
from benchmarks.stub import TOOLS
from reflectgen.errors import ReflectgenError
from tests.faults.audit import counts_of, hashes_of, problems_of
from tests.faults.chaos import LONG, SHORT, Chaos
from tests.faults.fleet import LIBFAKETIME, REPOSITORY, fleet

IS_LONG = bool(os.environ.get("REFLECTGEN_FAULTS_LONG"))
NUM_DOCUMENTS, PLAN, LATENCY_MS, OUTAGE = (30_000, LONG, 60, "20,25") if IS_LONG else (3_000, SHORT, 150, "8,6")
SEED = int(os.environ.get("REFLECTGEN_FAULTS_SEED", "1"))

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not (TOOLS / "stub_openai.py").is_file(), reason="the stand-in teacher is not here"),
]


def run_in_peace(texts, url, folder):
    """Export the same corpus by the same recipe on one machine, with nothing going wrong."""
    recipe = folder / "recipe.toml"
    recipe.write_text(f'[endpoints.teacher]\nurl = "{url}"\nconcurrency = 64\n[teacher]\nuse = ["teacher"]\n')
    command = [sys.executable, "-c", "import sys; from reflectgen.cli import main; sys.exit(main())", "run", str(texts)]
    command += ["--out", str(folder / "peace"), "--recipe", str(recipe), "--quiet"]
    subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    return folder / "peace" / "export"


def test_a_fleet_that_everything_befalls_loses_nothing_and_writes_the_bytes_of_an_undisturbed_run(
    tmp_path, postgres_server, redis_server
):
    texts = write_texts(tmp_path / "texts.jsonl", NUM_DOCUMENTS)
    with fleet(tmp_path, "--latency-ms", str(LATENCY_MS), "--outage", OUTAGE) as here:
        here.start_control()
        here.add_workers(3)
        # One worker's clock is a minute ahead of the database's; leases are not measured by it.
        skewed = {"LD_PRELOAD": str(LIBFAKETIME), "FAKETIME": "+60s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        here.add_workers(1, **(skewed if LIBFAKETIME.exists() else {}))
        began = time.monotonic()
        client = here.start_api()
        job_id = client.submit(client.upload(texts).id, recipe="stub").id
        chaos = Chaos(here, PLAN, SEED)
        over = threading.Event()
        thread = threading.Thread(target=chaos.run, args=(over.is_set,))
        thread.start()
        try:
            status = wait_through(here, job_id)
        finally:
            over.set()
            thread.join()
        seconds = time.monotonic() - began
        stats = here.stub.stats
        undisturbed = run_in_peace(texts, here.stub.url, tmp_path)
        counts = counts_of(here.store, job_id)
        problems = problems_of(here.store, tmp_path / "data", job_id, undisturbed)
        client.download(job_id, client.exports(job_id)[0], tmp_path / "downloaded")
    figures = {
        "long": IS_LONG,
        "seed": SEED,
        "num_chunks": counts.num_chunks,
        "seconds": round(seconds, 1),
        "misfortunes": dict(chaos.done),
        "repeats": stats["repeats"],
        "repeats_at_most": chaos.num_in_flight_lost,
        "requests_failed_in_the_outage": stats["failed"],
        "skewed_clock": LIBFAKETIME.exists(),
    }
    print(json.dumps(figures))
    if where := os.environ.get("REFLECTGEN_FAULTS_FIGURES"):
        Path(where).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    assert status == "completed"
    assert problems == []
    assert hashes_of(tmp_path / "downloaded") == hashes_of(undisturbed)
    assert stats["repeats"] <= chaos.num_in_flight_lost


def wait_through(here, job_id):
    """Wait for the end of a job, also while its database is away."""
    give_up = time.monotonic() + 1200
    while time.monotonic() < give_up:
        try:
            return here.wait(job_id, give_up - time.monotonic())
        except ReflectgenError:
            time.sleep(0.2)
    raise RuntimeError(f"{job_id} has not ended; logs are in {here.folder}")
