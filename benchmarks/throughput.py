"""A whole job against a fast stand-in for vLLM, and bare clients and other tools against the same: chunks a second.

    python -m benchmarks.throughput [--peers FOLDER] [--chunks 2000 20000]

Every chunk of 180 words is labelled by the built-in guard, asked about once (20 ms, 64 at a time), filtered by the
default chain and committed to SQLite; then reviewed across the job and exported. The other tools send one request a
text and write the answers down, with their checkpoints on; their rate is their own, which leaves their imports out.
Ours is taken from the clock of the whole command, less what a job of one chunk takes (imports, opening the store,
looking at the server), and so is our CPU; both are kept with the start as well. Where the other tools are not
installed, they are left out, and so is the bar that compares with them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.processes import REFLECTGEN, Cost, Unfinished, python_loop_ns, run_measured
from benchmarks.prose import write_texts
from benchmarks.report import Bar, Figure, report
from benchmarks.stub import TOOLS, Stub, stub_server

NUM_RUNS = 3
PEER_SECONDS = 45  # several times what the slowest needs; one that hangs is left out, and said so
PORT = 18080  # the one that the other tools' scripts know
RECIPE = """
[endpoints.stub]
url = "{url}"
concurrency = 64
batch = {batch}

[teacher]
use = ["stub"]
"""
PEERS = {"curator": "peer_curator.py", "designer": "peer_designer.py", "datatrove": "peer_datatrove.py"}
BARE = ("aiohttp", "batch", "openai")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=Path.home() / ".cache" / "reflectgen-peers")
    parser.add_argument("--chunks", type=int, nargs=2, default=[2000, 20000])
    arguments = parser.parse_args()
    if not (TOOLS / "stub_openai.py").is_file():
        print(f"skipped: the stand-in server is not at {TOOLS}")
        return
    bare_python = arguments.peers / "baseline" / "bin" / "python"  # it has uvloop
    python = bare_python if bare_python.exists() else Path(sys.executable)
    with (
        tempfile.TemporaryDirectory(prefix="reflectgen-bench-") as folder,
        stub_server(port=PORT, python=python, closing=True) as stub,
    ):
        measure(stub, Path(folder), arguments.peers, *arguments.chunks)


def measure(stub: Stub, folder: Path, peers: Path, num_few: int, num_many: int) -> None:
    figures: dict[str, Figure] = {"python_loop_ns_before": python_loop_ns()}
    few, many = write_texts(folder / "few.jsonl", num_few), write_texts(folder / "many.jsonl", num_many, seed=1)
    one = write_texts(folder / "one.jsonl", 1)
    starts = [ours(stub, one, folder, batch=True)[0] for _ in range(NUM_RUNS)]
    start = statistics.median(cost.cpu_seconds for cost in starts)
    start_wall = statistics.median(cost.wall_seconds for cost in starts)
    figures |= {"start_cpu_seconds": start, "start_wall_seconds": start_wall}
    for name, batch in (("batch", True), ("single", False)):
        for texts, number, runs in ((few, num_few, NUM_RUNS), (many, num_many, 1)):
            costs = [ours(stub, texts, folder, batch) for _ in range(runs)]
            cost, posts = sorted(costs, key=lambda measured: measured[0].wall_seconds)[runs // 2]
            label = f"{name}_{number}"
            figures |= {
                f"{label}_chunks_per_second": number / (cost.wall_seconds - start_wall),
                f"{label}_chunks_per_second_with_start": number / cost.wall_seconds,
                f"{label}_cpu_ms_per_chunk": (cost.cpu_seconds - start) / number * 1000,
                f"{label}_cpu_ms_per_chunk_with_start": cost.cpu_seconds / number * 1000,
                f"{label}_peak_mb": cost.peak_mb,
                f"{label}_posts": posts,
            }
    rates = {f"bare_{kind}": bare(kind, few, folder, num_few, peers) for kind in BARE}
    rates |= {name: peer(name, script, stub, few, folder, peers, num_few) for name, script in PEERS.items()}
    figures |= {f"{name}_requests_per_second": rate for name, rate in rates.items()}
    figures["python_loop_ns_after"] = python_loop_ns()
    report("throughput", figures, bars(figures, rates, num_many))


def bars(figures: dict[str, Figure], rates: dict[str, float | None], num_many: int) -> list[Bar]:
    def figure(name: str) -> float:
        return float(figures[name] or 0)

    found = [
        Bar("CPU ms a chunk in batches, start apart", figure(f"batch_{num_many}_cpu_ms_per_chunk"), "<=", 1.0),
        Bar("CPU ms a chunk one by one, start apart", figure(f"single_{num_many}_cpu_ms_per_chunk"), "<=", 1.4),
    ]
    fastest = max((rate for name in PEERS if (rate := rates[name])), default=None)
    if fastest:
        rate = figure(f"batch_{num_many}_chunks_per_second") / fastest
        found.append(Bar("chunks a second in batches, as a multiple of the fastest other tool", rate, ">=", 4))
    if rates["bare_aiohttp"]:
        rate = figure(f"single_{num_many}_chunks_per_second") / rates["bare_aiohttp"]
        found.append(Bar("chunks a second one by one, as a multiple of bare aiohttp", rate, ">=", 0.5))
    return found


def ours(stub: Stub, texts: Path, folder: Path, batch: bool) -> tuple[Cost, int]:
    """Run a whole job; return its cost and how many requests the server saw."""
    stub.reset()
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(url=stub.url, batch=str(batch).lower()), encoding="utf-8")
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [*REFLECTGEN, "run", str(texts), "--out", f"{out}/job", "--recipe", str(recipe)]
        cost, printed = run_measured([*command, "--chunk-words", "200", "--json", "--quiet"])
    counts: dict[str, Any] = json.loads(printed)
    if not counts["balanced"] or counts["num_chunks"] != counts["num_documents"]:
        sys.exit(f"the job is not what was to be measured: {counts}")
    return cost, stub.stats["posts"]


def bare(kind: str, texts: Path, folder: Path, number: int, peers: Path) -> float | None:
    """Return the requests a second of a client that does nothing but ask."""
    python = peers / "baseline" / "bin" / "python"
    return _median_rate([str(python), str(TOOLS / "peers" / "peer_baseline.py"), kind], python, texts, folder, number)


def peer(name: str, script: str, stub: Stub, texts: Path, folder: Path, peers: Path, number: int) -> float | None:
    stub.reset()
    python = peers / name / "bin" / "python"
    return _median_rate([str(python), str(TOOLS / "peers" / script)], python, texts, folder, number)


def _median_rate(command: list[str], python: Path, texts: Path, folder: Path, number: int) -> float | None:
    """Return the median of what the tool itself says was its rate, which leaves its start out; None: not installed."""
    if not python.exists():
        return None
    rates = []
    for run in range(NUM_RUNS):
        # A home of its own for every run: the tools keep answers there, and a kept answer is no request.
        home = folder / f"home-{python.parent.parent.name}-{run}"
        home.mkdir(exist_ok=True)
        environ = {"HOME": str(home), "CURATOR_CACHE_DIR": str(home / "cache"), **_tokens_of(python)}
        try:
            _, printed = run_measured([*command, str(texts), str(home / "out.jsonl")], environ, PEER_SECONDS)
        except Unfinished as error:
            print(f"left out: {error}")
            return None
        said = [json.loads(line) for line in printed.splitlines() if line.startswith('{"peer"')]
        if not said or said[-1]["n"] != number:
            print(f"left out: {' '.join(command)} did not finish its {number} texts")
            return None
        rates.append(float(said[-1]["rps"]))
    return statistics.median(rates)


def _tokens_of(python: Path) -> dict[str, str]:
    """Return where a tool finds its tokenizer's files, which it would otherwise want from the network."""
    found = next(python.parent.parent.glob("lib/python*/site-packages/litellm/litellm_core_utils/tokenizers"), None)
    return {"TIKTOKEN_CACHE_DIR": str(found)} if found else {}


if __name__ == "__main__":
    main()
