"""A store of millions of reflections in PostgreSQL: how fast it fills, pages, is exported and lets a job go.

    python -m benchmarks.postgres [--rows 1000000]

The rows are made up, and looked at as the service does: pages of 100 at random places of a job, by verdict, category,
reason and words, with another job beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

from benchmarks.report import Bar, report
from reflectgen.records import Category, Provenance
from reflectgen.store import Store, corpus, jobs, partitions, reflections
from reflectgen.store.counts import count_job
from reflectgen.store.pages import Filters, reflections_page
from reflectgen.store.reflections import COLUMNS, ReflectionRow
from tests.servers import PostgresServer

CHUNKS_PER_SHARD = 20_000
CHUNKS_PER_DOCUMENT = 10
ROWS_AT_A_TIME = 20_000
LOADED_ROWS = 500_000  # from here, which gives the rate; the database itself makes the rest of them
NEIGHBOUR_ROWS = 100_000  # of another job
PAGE = 100
PAGES = 60  # of each kind
WORDS = ("harbour", "lantern", "meadow", "copper", "winter", "orchard", "violin", "pebble", "thunder", "saddle")
KINDS = {
    "any": Filters(),
    "verdict": Filters(verdict="unsafe"),
    "category": Filters(category="hate"),
    "a category of none": Filters(category="none", verdict="unsafe"),
    "reason": Filters(reason="length"),
    "a reason of none": Filters(reason="language"),
    "common word": Filters(text="meadow"),
    "rare word": Filters(text="number 777777"),
    "a word of none": Filters(text="nowhere to be found"),
}
# What the figures are for: a machine that serves one team. The rest is as PostgreSQL comes. A vacuum that is at work on
# a job gives way to its deletion after `deadlock_timeout`, which is a second where nobody says otherwise.
SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "512MB",
    "deadlock_timeout": "200ms",
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    num_rows = parser.parse_args(arguments).rows
    figures: dict[str, float | int | str | None] = {"rows": num_rows}
    with PostgresServer(**SETTINGS) as server, Store.at(server.create_database()) as store:
        job_id, neighbour = _new_job(store, num_rows), _new_job(store, NEIGHBOUR_ROWS)
        _fill(store, neighbour, NEIGHBOUR_ROWS)
        loaded = min(num_rows, LOADED_ROWS)
        figures["loaded rows a second"] = loaded / _fill(store, job_id, loaded)
        _multiply(store, job_id, loaded, num_rows)
        store.gather_statistics(job_id)
        figures["bytes a row, indexes included"] = _bytes(store) / (num_rows + NEIGHBOUR_ROWS)
        slowest = 0.0
        for kind, wanted in KINDS.items():
            p50, p95 = _page_milliseconds(store, job_id, wanted)
            figures[f"page by {kind}, p50 ms"], figures[f"page by {kind}, p95 ms"] = p50, p95
            slowest = max(slowest, p95)
        figures["counted rows a second"] = num_rows / _timed(lambda: _count(store, job_id))
        figures["read for an export, rows a second"] = loaded / _timed(lambda: _read(store, job_id, loaded))
        delete_seconds = _timed(lambda: _discard(store, job_id))
        figures["the job deleted, seconds"] = delete_seconds
        figures["and its space given back, seconds"] = _timed(lambda: _sweep(store))
    bars = [
        Bar("slowest page, p95 ms", slowest, "<=", 100),
        Bar("a job deleted, seconds", delete_seconds, "<=", 1),
    ]
    return 0 if report("postgres", figures, bars) else 1


def _new_job(store: Store, num_chunks: int) -> int:
    with store.write() as connection:
        source = jobs.SourceRow(0, "a.jsonl", "jsonl", 10, "s")
        job_id = jobs.create(connection, ["a.jsonl"], {}, "sha", [source], "0", time.time())
        reflections.provenance_id(connection, Provenance("teacher", "made up"))
        for number in range(-(-num_chunks // CHUNKS_PER_SHARD)):
            size = min(CHUNKS_PER_SHARD, num_chunks - number * CHUNKS_PER_SHARD)
            documents = -(-size // CHUNKS_PER_DOCUMENT)
            shard = corpus.Shard(number, f"c{number}", "s", f"k{number}", "s", "split 1", documents, size, 9 * size)
            keys = [hashlib.blake2b(f"{number} {row}".encode(), digest_size=16).digest() for row in range(documents)]
            corpus.add_shard(connection, job_id, shard, keys)
    return job_id


def _fill(store: Store, job_id: int, num_chunks: int) -> float:
    """Load a job's rows and return the seconds, without those that making them up took."""
    seconds, made_up = 0.0, _rows(job_id, num_chunks)
    while rows := list(islice(made_up, ROWS_AT_A_TIME)):
        seconds += _timed(partial(_load, store, rows))
    return seconds


def _load(store: Store, rows: list[ReflectionRow]) -> None:
    with store.write() as connection:
        reflections.load(connection, rows)


def _multiply(store: Store, job_id: int, loaded: int, num_rows: int) -> None:
    """Repeat what was loaded in further shards, within the database, until there are so many rows."""
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    for first in range(loaded, num_rows, loaded):
        shards = first // CHUNKS_PER_SHARD
        values = names.replace('"shard"', f'"shard" + {shards}')
        repeated = f"INSERT INTO reflection ({names}) SELECT {values} FROM reflection WHERE job_id = {job_id} "
        with store.write() as connection:
            connection.exec_driver_sql(f"{repeated} AND shard < {min(loaded, num_rows - first) // CHUNKS_PER_SHARD}")


def _rows(job_id: int, num_chunks: int) -> Iterator[ReflectionRow]:
    """Answers as a teacher gives them: one in twenty chunks is unsafe, one in fifty has an answer rejected before."""
    draw = random.Random(job_id)
    categories = [category.value for category in Category if category is not Category.NONE]
    for chunk in range(num_chunks):
        unsafe = draw.random() < 0.05
        verdict, category = ("unsafe", draw.choice(categories)) if unsafe else ("safe", "none")
        rationale = f"an account of a {' and a '.join(draw.choices(WORDS, k=6))}, with the number {chunk}."
        row = _row(job_id, chunk, verdict, category, rationale)
        if draw.random() < 0.02:
            yield row | {"reason": draw.choice(["length", "near_duplicate"]), "rationale_key": None}
            row |= {"revision": 1, "road": "asked_again"}
        yield row


def _row(job_id: int, chunk: int, verdict: str, category: str, rationale: str) -> ReflectionRow:
    place = chunk % CHUNKS_PER_SHARD
    return {
        "job_id": job_id,
        "shard": chunk // CHUNKS_PER_SHARD,
        "document": place // CHUNKS_PER_DOCUMENT,
        "chunk": place % CHUNKS_PER_DOCUMENT,
        "revision": 0,
        "start": 0,
        "end": 500,
        "guard_verdict": verdict,
        "guard_category": category,
        "guard_score": 0.1,
        "guard_native": "",
        "guard_provenance_id": 1,
        "reason": "",
        "detail": "",
        "teacher_verdict": verdict,
        "teacher_category": category,
        "verdict": verdict,
        "category": category,
        "rationale": rationale,
        "evidence": "a few words of the chunk",
        "road": "teacher",
        "chunk_key": chunk.to_bytes(16, "big"),
        "rationale_key": chunk.to_bytes(16, "big"),
        "reply": "",
        "request_key": chunk.to_bytes(16, "big"),
        "reused_from": "",
        "seed": chunk,
        "prompt_tokens": 700,
        "completion_tokens": 60,
        "provenance_id": 1,
        "created_at": 1.0,
    }


def _page_milliseconds(store: Store, job_id: int, wanted: Filters) -> tuple[float, float]:
    """Return median and 95th percentile of pages that begin at places drawn by lot."""
    with store.read() as connection:
        num_shards = corpus.num_shards(connection, job_id)
    draw, taken = random.Random(7), []
    for number in range(PAGES):
        after = (draw.randrange(num_shards), draw.randrange(CHUNKS_PER_SHARD // CHUNKS_PER_DOCUMENT), 0)
        taken.append(_timed(partial(_page, store, job_id, wanted, after if number else None)) * 1000)
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.95)]


def _page(store: Store, job_id: int, wanted: Filters, after: tuple[int, int, int] | None) -> None:
    with store.read() as connection:
        reflections_page(connection, job_id, wanted, after, PAGE, lambda *_: [])  # nothing is archived


def _count(store: Store, job_id: int) -> None:
    with store.read() as connection:
        count_job(connection, job_id)


def _read(store: Store, job_id: int, num_chunks: int) -> None:
    with store.read() as connection:
        for shard in corpus.shards(connection, job_id)[: num_chunks // CHUNKS_PER_SHARD]:
            for _ in reflections.current(connection, job_id, shard.number):
                pass


def _discard(store: Store, job_id: int) -> None:
    with store.write() as connection:
        jobs.discard(connection, job_id)


def _sweep(store: Store) -> None:
    with store.write() as connection:
        partitions.sweep(connection)


def _bytes(store: Store) -> int:
    """Return what all of a database's files take."""
    with store.read() as connection:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
