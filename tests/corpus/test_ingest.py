"""Reading goes on where it stopped, and only with what was there before."""

import heapq
import itertools
import json

import fsspec
import pytest

from reflectgen.corpus.chunk import ChunkOptions, make_chunker
from reflectgen.corpus.ingest import SHARD_BYTES, ingest, shard_bytes
from reflectgen.corpus.read import ReadOptions, Source, SourceFormat
from reflectgen.errors import InputError
from reflectgen.store import Store, corpus, jobs

ROWS = [{"id": f"d{number}", "text": f"Day {number} was calm."} for number in range(600)]
# Like standard input: nobody can tell whether it is what it was.
UNSTAMPED = Source("memory://ingest/rows.jsonl", SourceFormat.JSONL, 0, "", "rows.jsonl")


def write(rows):
    with fsspec.open(UNSTAMPED.path, "w") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def store(tmp_path):
    """The store of a job whose first shard has been read."""
    write(ROWS)
    with Store(tmp_path / "reflectgen.sqlite") as opened:
        source = jobs.SourceRow(0, UNSTAMPED.path, UNSTAMPED.format, 0, "")
        with opened.write() as connection:
            jobs.create(connection, [UNSTAMPED.path], {}, "", [source], "0", 0.0)
        reading = shards(opened, tmp_path)
        assert 0 < next(reading).num_documents < len(ROWS)
        reading.close()
        yield opened


def shards(store, folder):
    chunker = make_chunker(ChunkOptions())
    return ingest(store, 1, [UNSTAMPED], ReadOptions(), chunker, folder)


def test_the_same_rows_again_are_read_to_their_end(store, tmp_path):
    list(shards(store, tmp_path))
    with store.read() as connection:
        assert sum(shard.num_documents for shard in corpus.shards(connection, 1)) == len(ROWS)


class WholeDocuments:
    """Cuts nothing."""

    name, version = "whole", "1"

    def ends(self, text):
        return [len(text)]


@pytest.mark.parametrize("num_megabytes", [3, 7])
def test_a_small_job_keeps_four_workers_busy_nearly_to_its_end(num_megabytes, tmp_path):
    path = tmp_path / "rows.jsonl"
    text = "calm " * 1000
    path.write_text("".join(f'{{"id": "{number}", "text": "{text}"}}\n' for number in range(200 * num_megabytes)))
    source = Source(str(path), SourceFormat.JSONL, path.stat().st_size, "stamp", "rows.jsonl")
    with Store(tmp_path / "reflectgen.sqlite") as store:
        with store.write() as connection:
            row = jobs.SourceRow(0, source.path, source.format, source.size_bytes, source.stamp)
            jobs.create(connection, [source.path], {}, "", [row], "0", 0.0)
        read = list(ingest(store, 1, [source], ReadOptions(), WholeDocuments(), tmp_path))
    ends = [0, 0, 0, 0]  # of each worker, who takes the next shard when the last one is done
    for shard in read:
        heapq.heapreplace(ends, ends[0] + shard.num_bytes)
    assert sum(ends) / len(ends) > 0.8 * max(ends)


def test_a_terabyte_is_read_into_no_more_shards_than_if_all_were_large():
    num_smaller = next(number for number in itertools.count() if shard_bytes(number) == SHARD_BYTES)
    assert num_smaller < 100
    assert shard_bytes(10_000) == SHARD_BYTES


@pytest.mark.parametrize("others", [[], ROWS[:10], ROWS[300:] + ROWS[:300]], ids=["nothing", "fewer", "others"])
def test_an_input_that_does_not_begin_as_it_did_is_refused(others, store, tmp_path):
    write(others)
    with pytest.raises(InputError, match="does not begin with the"):
        list(shards(store, tmp_path))
    with store.read() as connection:
        assert not jobs.latest(connection).ingested
