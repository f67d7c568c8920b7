"""How fast a core writes each format of an export, whether its memory stays flat, and datatrove's tokeniser beside it.

The corpus is woven with made-up reflections, once and ten times over in one shard. Every measurement is a process of
its own on one core, which reports its own time, without start and imports, and its peak memory. The text formats weave
and write; the formats of tokens, and datatrove, read the same woven Parquet file and tokenise it with the same
tokenizer. In turn, several rounds, the best counts; ten times over, one round.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.processes import own_peak_mb
from benchmarks.report import REPOSITORY, Bar, Figure, report
from reflectgen.export.arms.registry import make_arm
from reflectgen.export.dolma import DOLMA, export_dolma
from reflectgen.export.formats import Format
from reflectgen.export.kinds import Weights
from reflectgen.export.marked_tokenizer import load_marked_tokenizer
from reflectgen.export.record import ChunkReflection
from reflectgen.export.run import ExportFacts, export_shards
from reflectgen.export.token_export import Making, export_tokens
from reflectgen.export.trainer_formats import TokenFormat
from reflectgen.export.woven_source import open_woven
from reflectgen.export.writing import ShardKey, ShardRecord, Writing
from reflectgen.records import Category, Document, Provenance, Road, Verdict
from reflectgen.reflection.form import FormOptions

ROUNDS = 3
VOCAB_SIZE = 32_000
CHUNK_CHARACTERS = 600
DATATROVE = "datatrove's own"
TEXT_FORMATS = (Format.PARQUET.value, Format.JSONL_ZST.value, Format.STANDOFF.value)
TOKEN_FORMATS = tuple(one.value for one in TokenFormat)
MEASURED = (*TOKEN_FORMATS, DATATROVE, DOLMA, *TEXT_FORMATS)
FLAT = 1.1
ONE_CORE = {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

VERDICTS = (Verdict.SAFE, Verdict.SAFE, Verdict.SAFE, Verdict.CONTROVERSIAL, Verdict.SAFE, Verdict.UNSAFE)
RATIONALES = (
    "It explains how a public service is to be used, step by step.",
    "A traveller describes the harbour and the people who wait there.",
    "It weighs what the law says against what the writer thinks fair.",
    "Two sisters speak about a letter that has not come.",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--times", type=int, default=10, help="how often over the corpus is for the memory")
    parser.add_argument("--under", default="", help="a command to start each measurement with, such as a lock")
    parser.add_argument("--measure", choices=MEASURED, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.work, given.data, given.times)))
        return 0
    return 0 if compare(given) else 1


def compare(given: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        train_tokenizer(given.data, work / "tokenizer.json")
        for times in (1, given.times):
            weave(given.data, times, work / f"woven-{times}", [Format.PARQUET])
        found: dict[tuple[str, int], list[dict[str, float]]] = {}
        for times, rounds in ((1, given.rounds), (given.times, 1)):
            for _ in range(rounds):
                for name in MEASURED:
                    found.setdefault((name, times), []).append(measured(given, name, work, times))
                    print(name, times, found[name, times][-1], file=sys.stderr)
        counts = [open_woven(work / f"woven-{times}").manifest.counts for times in (1, given.times)]
    num_mb = counts[0].num_woven_bytes / 1e6
    once = {name: num_mb / min(one["cpu_seconds"] for one in found[name, 1]) for name in MEASURED}
    often = {name: num_mb * given.times / found[name, given.times][0]["cpu_seconds"] for name in MEASURED}
    peak = {key: min(one["peak_mb"] for one in ones) for key, ones in found.items()}
    figures: dict[str, Figure] = {
        "documents": counts[0].num_documents,
        "MB of woven text": num_mb,
        "reflections": counts[0].num_chunks,
        **{f"version, {name}": version(name) for name in ("datatrove", "tokenizers", "pyarrow")},
        **{f"MB/s a core, {name}": speed for name, speed in once.items()},
        **{f"MB/s a core, {name}, {given.times} times over": speed for name, speed in often.items()},
        **{f"peak MB, {name}": peak[name, 1] for name in MEASURED},
        **{f"peak MB, {name}, {given.times} times over": peak[name, given.times] for name in MEASURED},
    }
    bars = [
        Bar(f"times as fast a core as datatrove, {name}", once[name] / once[DATATROVE], ">=", 1)
        for name in TOKEN_FORMATS
    ]
    bars += [
        Bar(
            f"peak memory {given.times} times over to once, {name}", peak[name, given.times] / peak[name, 1], "<=", FLAT
        )
        for name in MEASURED
        if name != DATATROVE
    ]
    return report("export", figures, bars)


def measured(given: argparse.Namespace, name: str, work: Path, times: int) -> dict[str, float]:
    """Return what a process of its own says of one measurement."""
    command = [*shlex.split(given.under), sys.executable, "-m", "benchmarks.export", "--measure", name]
    command += ["--work", str(work), "--data", str(given.data), "--times", str(times)]
    done = subprocess.run(
        command, env=os.environ | ONE_CORE, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


def measure(name: str, work: Path, data: Path, times: int) -> dict[str, float]:
    """Write one format, in this process, and return what it took."""
    begin = begin_datatrove if name == DATATROVE else begin_ours
    with tempfile.TemporaryDirectory(dir=work) as to:
        step = begin(name, work, data, times, Path(to))
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall_seconds": wall, "cpu_seconds": cpu, "peak_mb": own_peak_mb()}


def begin_ours(name: str, work: Path, data: Path, times: int, to: Path) -> Any:
    if name in TEXT_FORMATS:
        return lambda: weave(data, times, to, [Format(name)])
    woven = open_woven(work / f"woven-{times}")
    if name == DOLMA:
        return lambda: export_dolma(woven, to)
    form = FormOptions()
    making = Making(load_marked_tokenizer(str(work / "tokenizer.json"), form), form, Weights())
    return lambda: export_tokens(woven, to, [TokenFormat(name)], making)


def begin_datatrove(name: str, work: Path, data: Path, times: int, to: Path) -> Any:
    """Its documented pipeline: a reader, then the tokeniser, an end-of-text after each document, nothing shuffled."""
    from datatrove.executor import LocalPipelineExecutor  # type: ignore[import-untyped]
    from datatrove.pipeline.readers import ParquetReader  # type: ignore[import-untyped]
    from datatrove.pipeline.tokens import DocumentTokenizer  # type: ignore[import-untyped]

    pipeline = [
        ParquetReader(str(work / f"woven-{times}" / "parquet")),
        DocumentTokenizer(
            str(to / "tokens"), str(work / "tokenizer.json"), eos_token="<|endoftext|>", shuffle_documents=False
        ),
    ]
    return LocalPipelineExecutor(pipeline, logging_dir=str(to / "logs")).run


def weave(data: Path, times: int, to: Path, formats: Sequence[Format]) -> None:
    """Weave the corpus with made-up reflections, `times` over, in one shard."""
    documents = reflected(data, times)
    facts = ExportFacts({}, [PROVENANCE], num_documents(data) * times, {}, 0, 0, {}, "", datetime.now(UTC))
    writing = Writing(to, 1, tuple(formats), FormOptions())
    arm = make_arm(writing.arm, writing.form)

    def write(key: ShardKey) -> ShardRecord:
        return writing.write(key, documents, arm)

    export_shards(writing, [ShardKey(0, "")], lambda: nullcontext(write), facts)


PROVENANCE = Provenance("teacher", "builtin", "", "", {}, "", "")


def reflected(data: Path, times: int) -> Iterator[tuple[Document, list[ChunkReflection]]]:
    """Yield documents cut at a space after every so many characters, each chunk with a reflection."""
    verdicts, rationales = cycle(VERDICTS), cycle(RATIONALES)
    for turn in range(times):
        with (data / "corpus.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                text, start, chunks = row["text"], 0, []
                while start < len(text):
                    space = text.find(" ", start + CHUNK_CHARACTERS)
                    end = space + 1 if space >= 0 else len(text)
                    verdict = next(verdicts)
                    category = Category.NONE if verdict is Verdict.SAFE else Category.DEFAMATION
                    chunks.append(
                        ChunkReflection(
                            len(chunks),
                            start,
                            end,
                            0,
                            verdict,
                            category,
                            next(rationales),
                            Road.TEACHER,
                            PROVENANCE.key,
                        )
                    )
                    start = end
                yield Document(f"{row['id']}-{turn}", text, "{}"), chunks


def num_documents(data: Path) -> int:
    with (data / "corpus.jsonl").open("rb") as lines:
        return sum(1 for _ in lines)


def train_tokenizer(data: Path, path: Path) -> None:
    """Train a byte-level tokenizer, as GPT-2 has one, on the corpus itself."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=["<|endoftext|>", "<think>", "</think>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((document.text for document, _ in reflected(data, 1)), trainer)
    tokenizer.save(str(path))


if __name__ == "__main__":
    sys.exit(main())
