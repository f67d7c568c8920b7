"""The main job with the built-in guard and teacher, from `corpus.jsonl` to a verified export: speed, CPU, peak memory.

    python -m benchmarks.main_job [--data ../shared/data]

The command line runs as a process of its own, so that its start counts too; the operating system tells what it cost.
The corpus is run once (the median of three runs), and ten times over with new ids; that job is then exported again, by
one process and by two, to the same bytes. `python_loop_ns` is what one turn
of an empty loop took at the time: on a shared machine it tells how fast the machine was while it was measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.processes import REFLECTGEN, Cost, python_loop_ns, run_measured
from benchmarks.report import REPOSITORY, Bar, report

NUM_COPIES = 10
NUM_RUNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    corpus = parser.parse_args().data / "corpus.jsonl"
    if not corpus.is_file():
        print(f"skipped: the benchmark reads {corpus}, which is not here")
        return
    with tempfile.TemporaryDirectory(prefix="reflectgen-bench-") as folder:
        measure(corpus, Path(folder))


def measure(corpus: Path, folder: Path) -> None:
    loop_ns = [python_loop_ns()]
    runs = [run(corpus, folder / f"once{number}") for number in range(NUM_RUNS)]
    once, once_counts = sorted(runs, key=lambda measured: measured[0].cpu_seconds)[NUM_RUNS // 2]
    tenfold = copies(corpus, folder / "tenfold.jsonl")
    ten, ten_counts = run(tenfold, folder / "ten")
    exports = {number: export(folder / "ten", folder / f"export{number}", number) for number in (1, 2)}
    if data_files(folder / "export1") != data_files(folder / "export2"):
        sys.exit("two processes wrote other bytes than one")
    rate = ten_counts["num_chunks"] / ten.cpu_seconds
    growth = ten.peak_mb / once.peak_mb
    loop_ns.append(python_loop_ns())
    figures: dict[str, float | int] = {"python_loop_ns_before": loop_ns[0], "python_loop_ns_after": loop_ns[1]}
    figures["once_cpu_seconds_fastest"] = min(cost.cpu_seconds for cost, _ in runs)
    for name, cost, counts in (("once", once, once_counts), ("tenfold", ten, ten_counts)):
        figures |= {
            f"{name}_documents": counts["num_documents"],
            f"{name}_chunks": counts["num_chunks"],
            f"{name}_mb": counts["num_bytes"] / 1e6,
            f"{name}_wall_seconds": cost.wall_seconds,
            f"{name}_cpu_seconds": cost.cpu_seconds,
            f"{name}_documents_per_second": counts["num_documents"] / cost.wall_seconds,
            f"{name}_chunks_per_second": counts["num_chunks"] / cost.wall_seconds,
            f"{name}_chunks_per_cpu_second": counts["num_chunks"] / cost.cpu_seconds,
            f"{name}_mb_per_second": counts["num_bytes"] / 1e6 / cost.wall_seconds,
            f"{name}_peak_mb": cost.peak_mb,
        }
    for number, cost in exports.items():
        figures |= {
            f"export_{number}_wall_seconds": cost.wall_seconds,
            f"export_{number}_cpu_seconds": cost.cpu_seconds,
            f"export_{number}_mb_per_second": ten_counts["num_bytes"] / 1e6 / cost.wall_seconds,
            f"export_{number}_peak_mb": cost.peak_mb,
        }
    figures["export_by_two_processes_as_multiple_of_one"] = exports[1].wall_seconds / exports[2].wall_seconds
    bars = [
        Bar("chunks a second of CPU, ten times the corpus, end to end", rate, ">=", 1500),
        Bar(
            "chunks a second of CPU, the corpus once, start of the process included",
            figures["once_chunks_per_cpu_second"],
            ">=",
            1500,
        ),
        Bar("peak memory at ten times the corpus, as a multiple", growth, "<=", 1.2),
    ]
    report("main_job", figures, bars)


def run(corpus: Path, out: Path) -> tuple[Cost, dict[str, int]]:
    """Run the command line on `corpus` and return its cost and its counts."""
    cost, printed = run_measured([*REFLECTGEN, "run", str(corpus), "--out", str(out), "--json", "--quiet"])
    counts = json.loads(printed)
    if not counts["balanced"]:
        sys.exit("the ledger does not balance")
    return cost, counts


def export(job: Path, to: Path, processes: int) -> Cost:
    """Weave a finished job again, by so many processes."""
    cost, _ = run_measured([*REFLECTGEN, "export", str(job), "--to", str(to), "--processes", str(processes)])
    return cost


def data_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every data file, from the manifest."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return {file["path"]: file["sha256"] for file in manifest["files"]}


def copies(corpus: Path, path: Path) -> Path:
    """Write the corpus `NUM_COPIES` times over, each copy with its own ids."""
    with path.open("w", encoding="utf-8") as out:
        for copy in range(NUM_COPIES):
            with corpus.open(encoding="utf-8") as lines:
                for line in lines:
                    row = json.loads(line)
                    out.write(json.dumps(row | {"id": f"{copy}-{row['id']}"}) + "\n")
    return path


if __name__ == "__main__":
    main()
