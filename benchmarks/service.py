"""The fleet's way of doing a job beside one process doing it alone: chunks a second through PostgreSQL and Redis.

    python -m benchmarks.service [--chunks 8000]

The stand-in teacher answers one question a call, 64 in flight at each worker; built-in guard, default filters. After
20 ms it is so quick that workers, PostgreSQL, Redis and the stand-in want more than two cores have: what one worker
keeps of the engine's speed is measured there. It is measured again with a teacher that takes 200 ms, which is what the
engine then waits for, and so is how two workers add up.

The clock runs from the first answer kept to the last, so that neither has its start or its end counted; what is read,
reviewed and exported is not part of it. CPU is that of the workers, with all their processes, from submission to the
end of the job; PostgreSQL's, Redis's and the stand-in's are counted apart. Of several runs the best counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.processes import REFLECTGEN, python_loop_ns
from benchmarks.prose import write_texts
from benchmarks.report import Bar, Figure, report
from benchmarks.stub import TOOLS
from reflectgen.store import Store
from reflectgen.store.tables import reflection
from tests.faults.fleet import Fleet, fleet

REGISTRY = """
[endpoints.teacher]
url = "{url}"
concurrency = 64
batch = false

[recipes.stub.teacher]
use = ["teacher"]
"""
RECIPE = """
[endpoints.teacher]
url = "{url}"
concurrency = 64
batch = false
[teacher]
use = ["teacher"]
"""
NUM_RUNS = 2
LATENCIES = {"quick": 20, "slow": 200}  # ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=8_000)
    arguments = parser.parse_args()
    if not (TOOLS / "stub_openai.py").is_file():
        print(f"skipped: the stand-in server is not at {TOOLS}")
        return
    figures: dict[str, Figure] = {"chunks": arguments.chunks, "python_loop_ns_before": python_loop_ns()}
    for kind, latency_ms in LATENCIES.items():
        with (
            tempfile.TemporaryDirectory(prefix="reflectgen-bench-") as folder,
            fleet(Path(folder), "--latency-ms", str(latency_ms)) as here,
        ):
            texts = write_texts(here.folder / "texts.jsonl", arguments.chunks // 2)  # two chunks each
            measure(here, texts, kind, figures)
    figures["python_loop_ns_after"] = python_loop_ns()
    report("service", figures, bars(figures))


def measure(here: Fleet, texts: Path, kind: str, figures: dict[str, Figure]) -> None:
    values = {"url": here.stub.url}
    (here.folder / "registry.toml").write_text(REGISTRY.format(**values), encoding="utf-8")
    (here.folder / "recipe.toml").write_text(RECIPE.format(**values), encoding="utf-8")
    here.reload_registry()
    figures[f"{kind}_in_process_chunks_per_second"] = max(in_one_process(here, texts) for _ in range(NUM_RUNS))
    here.start_control()
    for number in (1, 2):
        here.add_workers(1)
        here.await_workers()
        runs = [through_the_service(here, texts, f"{kind}{number}{run}") for run in range(NUM_RUNS)]
        best = max(runs, key=lambda run: run["chunks_per_second"])
        figures |= {f"{kind}_{number}_worker_{name}": value for name, value in best.items()}


def bars(figures: dict[str, Figure]) -> list[Bar]:
    def figure(name: str) -> float:
        return float(figures[name] or 0)

    quick, slow = (
        figure(f"{kind}_1_worker_chunks_per_second") / figure(f"{kind}_in_process_chunks_per_second")
        for kind in LATENCIES
    )
    two = figure("slow_2_worker_chunks_per_second") / figure("slow_1_worker_chunks_per_second")
    return [
        Bar("one worker through Redis and PostgreSQL, as part of the engine alone, teacher of 20 ms", quick, ">=", 0.8),
        Bar("the same, teacher of 200 ms", slow, ">=", 0.8),
        Bar("two workers, as a multiple of one", two, ">=", 1.6),
    ]


def in_one_process(here: Fleet, texts: Path) -> float:
    """Return the chunks a second of `reflectgen run`."""
    here.stub.reset()
    with tempfile.TemporaryDirectory(dir=here.folder) as out:
        command = [*REFLECTGEN, "run", str(texts), "--out", f"{out}/job", "--recipe", str(here.folder / "recipe.toml")]
        subprocess.run([*command, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        with Store(Path(out) / "job" / "reflectgen.sqlite") as store:
            return rate(store, 1)


def through_the_service(here: Fleet, texts: Path, name: str) -> dict[str, float]:
    """Return the chunks a second of the workers that are there, and what each chunk cost."""
    here.stub.reset()
    copy = texts.with_name(f"{name}.jsonl")
    copy.write_bytes(texts.read_bytes())
    before = cpu_seconds(here)
    job_id = here.submit(copy)
    status = here.wait(job_id, 300)
    if status != "completed":
        sys.exit(f"the job is not what was to be measured: {status}")
    after = cpu_seconds(here)
    number, num_chunks = here.number_of(job_id)
    figures = {"chunks_per_second": rate(here.store, number)}
    return figures | {f"{part}_cpu_ms_per_chunk": (after[part] - before[part]) / num_chunks * 1000 for part in after}


def rate(store: Store, job_id: int) -> float:
    """Return the answers kept a second, from the first to the last."""
    times = (func.count(), func.min(reflection.c.created_at), func.max(reflection.c.created_at))
    with store.read() as connection:
        asked = select(*times).where(reflection.c.job_id == job_id, reflection.c.road == "teacher")
        number, first, last = connection.execute(asked).one()
    return float(number / (last - first))


def cpu_seconds(here: Fleet) -> dict[str, float]:
    """Return the CPU that workers, PostgreSQL, Redis and the stand-in have used, with what they started."""
    roots = {
        "workers": [worker.popen.pid for worker in here.workers if worker.popen],
        "postgres": [here.postgres.process_id],
        "redis": [here.redis.process_id],
        "teacher": [here.stub.process_id],
    }
    return {part: sum(cpu_of_tree(pid) for pid in pids) for part, pids in roots.items()}


def cpu_of_tree(pid: int) -> float:
    """Return the CPU seconds of a process, those of its children that ended included, and of all below it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own = sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_of_tree(int(child)) for child in children)


if __name__ == "__main__":
    main()
