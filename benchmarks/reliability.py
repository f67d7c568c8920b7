"""A whole job while the server fails in every way that the stand-in can: what is lost, repeated and wasted.

    python -m benchmarks.reliability [--chunks 1000]

Each fault meets a job of its own, 64 questions in flight, 20 ms an answer. `wasted` are requests that failed or hung,
and answers that were not kept; `repeats` are questions that the server answered word for word before. A fault in every
N requests is one that a repetition of the request does not meet. One outage begins with the job, another midway in one
of twice as many chunks: that one costs the calls in flight and some knocks, however long the job. `--only PART` runs
the faults whose names hold PART, and keeps nothing.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from benchmarks.processes import REFLECTGEN
from benchmarks.prose import write_texts
from benchmarks.report import Bar, Figure, report
from benchmarks.stub import TOOLS, Stub, stub_server

CONCURRENCY = 64
RECIPE = """
[endpoints.stub]
url = "{url}"
concurrency = 64
batch = {batch}
timeout_seconds = 3

[teacher]
use = ["stub"]
"""
FAULTS: dict[str, tuple[str, ...]] = {
    "none": (),
    "2 % of 500": ("--fail-every", "50", "--fail-code", "500"),
    "2 % of 429": ("--fail-every", "50", "--fail-code", "429"),
    "2 % malformed": ("--malformed-every", "50"),
    "5 % refusals": ("--refuse-every", "20"),
    "1 % hanging": ("--hang-every", "100"),
    "25 s outage": ("--outage", "0.5,25"),
}
KILLED = "SIGKILL at 1/2 and 3/4"
MIDWAY = "25 s outage midway"  # of a job that is long enough to be under way by then
MIDWAY_TIMES = 2


@dataclass(frozen=True, slots=True)
class Job:
    texts: Path
    num_chunks: int
    batch: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job. `num_without` chunks have no reflection or a null one, `num_double` more than one."""

    seconds: float
    posts: int
    prompts: int
    wasted: int
    repeats: int
    num_without: int
    num_double: int
    balanced: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=1000)
    parser.add_argument("--only", default="")
    num_chunks, only = parser.parse_args().chunks, parser.parse_args().only
    if not (TOOLS / "stub_openai.py").is_file():
        print(f"skipped: the stand-in server is not at {TOOLS}")
        return
    outcomes = {}
    with tempfile.TemporaryDirectory(prefix="reflectgen-bench-") as name:
        texts = write_texts(Path(name) / "texts.jsonl", num_chunks)
        many = write_texts(Path(name) / "many.jsonl", MIDWAY_TIMES * num_chunks)
        for way, fault in product(("batch", "single"), (*FAULTS, MIDWAY, KILLED)):
            case = f"{way}, {fault}"
            if only not in case:
                continue
            long = fault == MIDWAY
            kill_at = (0.5, 0.75) if fault == KILLED else ()
            job = Job(many if long else texts, num_chunks * (MIDWAY_TIMES if long else 1), way == "batch")
            outage = (job.num_chunks // 2, 25.0) if long else None
            with stub_server(*FAULTS.get(fault, ()), outage=outage) as stub:
                outcomes[case] = meet(stub, job, Path(name), kill_at)
            if only:
                print(case, outcomes[case], flush=True)
    if only:
        return
    figures: dict[str, Figure] = {
        f"{case}: {name}": value for case, outcome in outcomes.items() for name, value in asdict(outcome).items()
    }
    report("reliability", figures, list(bars(outcomes, num_chunks)))


def bars(outcomes: dict[str, Outcome], num_chunks: int) -> Iterator[Bar]:
    all_of_them = outcomes.values()
    yield Bar("chunks without a reflection, all faults", sum(o.num_without for o in all_of_them), "<=", 0)
    yield Bar("chunks with more than one, all faults", sum(o.num_double for o in all_of_them), "<=", 0)
    yield Bar("ledgers that do not balance", sum(not o.balanced for o in all_of_them), "<=", 0)
    for way in ("batch", "single"):
        wasted = outcomes[f"{way}, 25 s outage"].wasted
        yield Bar(f"{way}: wasted questions in the outage, share of chunks", wasted / num_chunks, "<=", 0.05)
        wasted = outcomes[f"{way}, {MIDWAY}"].wasted
        share = wasted / (MIDWAY_TIMES * num_chunks)
        yield Bar(f"{way}: wasted questions in the outage midway, share of chunks", share, "<=", 0.05)
        repeats = outcomes[f"{way}, {KILLED}"].repeats
        yield Bar(f"{way}: questions repeated after two kills, a kill", repeats / 2, "<=", CONCURRENCY)


def meet(stub: Stub, job: Job, folder: Path, kill_at: tuple[float, ...]) -> Outcome:
    """Run a job to its end, killed and started again when the server has answered these shares of the chunks."""
    stub.reset()
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(url=stub.url, batch=str(job.batch).lower()), encoding="utf-8")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as name:
        out = Path(name) / "job"
        command = [*REFLECTGEN, "run", str(job.texts), "--out", str(out), "--recipe", str(recipe)]
        command += ["--chunk-words", "200", "--json", "--quiet"]
        for share in kill_at:
            kill_when(stub, command, share * job.num_chunks)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"the job ended with {done.returncode}")
        counts = json.loads(done.stdout)
        without, double = look(out)
    stats = stub.stats
    num_kept = counts["num_replies"] - counts["num_reused"]
    return Outcome(
        seconds=time.perf_counter() - began,
        posts=stats["posts"],
        prompts=stats["prompts"],
        wasted=stats["failed"] + stats["hung"] + stats["prompts"] - num_kept,
        repeats=stats["repeats"],
        num_without=without,
        num_double=double,
        balanced=counts["balanced"],
    )


def kill_when(stub: Stub, command: list[str], num_prompts: float) -> None:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while stub.stats["prompts"] < num_prompts:
        if process.poll() is not None:
            sys.exit("the job ended before it could be killed")
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def look(out: Path) -> tuple[int, int]:
    """Count, in the store itself, the chunks without an accepted reflection, and those with several."""
    engine = create_engine(f"sqlite:///{out / 'reflectgen.sqlite'}")
    accepted = "SELECT count(*) AS n FROM reflection WHERE reason = '' AND verdict IS NOT NULL"
    with engine.connect() as connection:
        num_chunks: int = connection.execute(text("SELECT sum(num_chunks) FROM shard")).scalar_one()
        per_chunk: list[Any] = list(connection.execute(text(f"{accepted} GROUP BY shard, document, chunk")))
    engine.dispose()
    return num_chunks - len(per_chunk), sum(row.n > 1 for row in per_chunk)


if __name__ == "__main__":
    main()
