"""Reading goes on where it stopped, and only with what was there before."""

import json

import fsspec
import pytest

from reflectgen.corpus.chunk import ChunkOptions, make_chunker
from reflectgen.corpus.ingest import ingest
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


@pytest.mark.parametrize("others", [[], ROWS[:10], ROWS[300:] + ROWS[:300]], ids=["nothing", "fewer", "others"])
def test_an_input_that_does_not_begin_as_it_did_is_refused(others, store, tmp_path):
    write(others)
    with pytest.raises(InputError, match="does not begin with the"):
        list(shards(store, tmp_path))
    with store.read() as connection:
        assert not jobs.latest(connection).ingested
