"""An export is of one state of a job, whoever writes it and however often it is begun."""

from __future__ import annotations

import pytest

from reflectgen.errors import InputError
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.formats import Format
from reflectgen.export.verify import verify_export
from reflectgen.jobs import folder
from reflectgen.jobs.export_job import export_job
from reflectgen.jobs.person import Said, review_by_person
from reflectgen.jobs.progress import Progress
from reflectgen.records import Category, Label, Verdict
from reflectgen.reflection.form import FormOptions
from reflectgen.store import corpus, jobs
from reflectgen.store.tables import job as job_table
from tests.export.tokenizers_of_tests import write_tokenizer
from tests.jobs.worlds import FixedGuard, good_reply, run_here, scripted_teacher, varied, write_corpus

pytestmark = pytest.mark.usefixtures("on_both_databases")
FORMATS = (Format.PARQUET, Format.JSONL)
NUM_SHARDS = 5


@pytest.fixture
def out(tmp_path, monkeypatch):
    """A finished job of five shards, some chunks of which are unsafe."""
    monkeypatch.setattr("reflectgen.corpus.ingest.LOOK_UP_ROWS", 4)
    monkeypatch.setattr("reflectgen.corpus.ingest.SHARD_ROWS", 4)
    texts = [f"Place s{n}x lies by a river. {'AWFUL' * (n % 3 == 0)} There is more to say of it." for n in range(20)]
    teacher, _ = scripted_teacher(lambda asked: good_reply(varied(asked.messages[-1]["content"])))
    guard = FixedGuard({"AWFUL": Label(Verdict.UNSAFE, Category.HATE, 0.9)})
    run_here(write_corpus(tmp_path / "c.jsonl", texts), tmp_path / "out", guard, teacher)
    return tmp_path / "out"


@pytest.fixture
def store(out):
    with folder.job_folder(out) as opened:
        with opened.write() as connection:
            connection.execute(job_table.update().values(public_id="job-1"))
        yield opened


def the_job(store):
    with store.read() as connection:
        return jobs.latest(connection)


def last_shard(store, out):
    with store.read() as connection:
        shards = corpus.shards(connection, the_job(store).id)
    assert len(shards) == NUM_SHARDS
    return out / shards[-1].corpus_file


def export(store, out, name, processes=1, progress=None, **changes):
    job, form = the_job(store), FormOptions()
    export_job(store, job, out, out / name, FORMATS, form, progress or Progress(), processes=processes, **changes)
    assert verify_export(out / name).ok
    return data_files(out / name)


def data_files(to):
    return {path.relative_to(to).as_posix(): path.read_bytes() for path in sorted(to.rglob("train-*"))}


def interrupt(store, out, name, processes=1):
    """Begin an export whose last shard cannot be read; return when each file was written."""
    missing = last_shard(store, out)
    missing.rename(missing.with_suffix(".away"))
    with pytest.raises(InputError, match="bring it back and run again"):
        export(store, out, name, processes)
    missing.with_suffix(".away").rename(missing)
    return written_at(out / name)


def written_at(to):
    return {path.name: path.stat().st_mtime_ns for path in (to / "jsonl").glob("train-*")}


def review(store, place):
    said = Said(False, "a person", "wrong", verdict=Verdict.UNSAFE, category=Category.HATE)
    review_by_person(store, "job-1", place, said, key_id="k")


@pytest.mark.parametrize("name", [ArmName.SRP, ArmName.SRP_SHUFFLED, ArmName.RAW_MATCHED, ArmName.REFUSE])
def test_several_processes_write_the_same_bytes(store, out, tmp_path, name):
    changes = {"arm": ArmOptions(name=name, seed=3), "tokenizer": write_tokenizer("bytes", tmp_path)}
    one = export(store, out, "one", **changes)
    assert len(one) == len(FORMATS) * NUM_SHARDS
    progress = Progress()
    assert export(store, out, "three", 3, progress, **changes) == one
    assert (progress.num_exported_documents, progress.num_documents) == (20, 20)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupted_export_goes_on_with_the_shards_that_are_whole(store, out, processes):
    before = interrupt(store, out, "a", processes)
    whole = export(store, out, "b")
    assert export(store, out, "a", processes) == whole
    after = written_at(out / "a")
    assert len(after) == NUM_SHARDS and before.items() < after.items()


def test_what_was_reviewed_after_an_interruption_is_written_again(store, out):
    before = interrupt(store, out, "a")
    review(store, (1, 2, 0))
    whole = export(store, out, "b")
    assert export(store, out, "a") == whole
    after = written_at(out / "a")
    assert [name for name in before if after[name] != before[name]] == ["train-00001-of-00005.jsonl"]


class Reviewing(Progress):
    """Has somebody review a reflection of the last shard as soon as the first shard is done."""

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "num_exported_documents" and value and self.reviews:
            self.reviews.pop()()


@pytest.mark.parametrize("processes", [1, 2])
def test_a_review_while_an_export_is_written_is_wholly_in_it_or_not_at_all(store, out, processes):
    interrupt(store, out, "a")
    before = export(store, out, "before")
    object.__setattr__(progress := Reviewing(), "reviews", [lambda: review(store, (NUM_SHARDS - 1, 0, 0))])
    written = export(store, out, "a", processes, progress)
    after = export(store, out, "after")
    assert before != after
    # One process has one view from its beginning to its end; several see that the shard is another one, and begin anew.
    assert written == (before if processes == 1 else after)
    assert progress.num_exported_documents == 20
