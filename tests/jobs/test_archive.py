import pytest

from reflectgen.errors import RecipeError, VerificationError
from reflectgen.jobs import folder
from reflectgen.jobs.archive import archive_job, restore_job
from reflectgen.jobs.export_job import export_job
from reflectgen.jobs.person import Said, review_by_person
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.recipe import Recipe
from reflectgen.jobs.verify import verify_job
from reflectgen.store import archives, corpus, jobs, reflections
from reflectgen.store.browse import answers_of
from reflectgen.store.tables import job as job_table
from tests.jobs.worlds import FixedGuard, good_reply, run_here, scripted_teacher, varied, write_corpus

pytestmark = pytest.mark.usefixtures("on_both_databases")


@pytest.fixture
def out(tmp_path, monkeypatch):
    """A finished job of several shards, with answers that were rejected and texts that databases refuse."""
    monkeypatch.setattr("reflectgen.corpus.ingest.LOOK_UP_ROWS", 4)
    monkeypatch.setattr("reflectgen.corpus.ingest.SHARD_ROWS", 8)
    written = write_corpus(tmp_path / "c.jsonl", [f"Place s{n}x lies\x00 by a river." for n in range(20)])
    asked = set()

    def script(request):
        name = request.messages[-1]["content"].split("Place s")[1].split("x")[0]
        if int(name) % 3 == 0 and name not in asked:
            asked.add(name)
            return "no JSON \x1a"
        return good_reply(varied(name))

    teacher, _ = scripted_teacher(script)
    run_here(written, tmp_path / "out", FixedGuard(), teacher)
    return tmp_path / "out"


@pytest.fixture
def store(out):
    with folder.job_folder(out) as opened:
        yield opened


def the_job(store):
    with store.read() as connection:
        return jobs.latest(connection)


def exported(store, out, name):
    """The bytes of a fresh export, and all answers in the store after it."""
    job = the_job(store)
    recipe = Recipe.model_validate(job.recipe)
    export_job(store, job, out, out / name, recipe.formats, recipe.form, Progress())
    return [path.read_bytes() for path in sorted((out / name).rglob("*.parquet"))], all_answers(store, job.id)


def all_answers(store, job_id):
    with store.read() as connection:
        shards = corpus.shards(connection, job_id)
        documents = [(shard.number, row) for shard in shards for row in range(shard.num_documents)]
        return [tuple(row) for place in documents for row in answers_of(connection, job_id, *place)]


def archive_files(out):
    return sorted(path.name for path in (out / "reflections").glob("*"))


def test_an_export_is_the_same_before_an_archive_from_it_and_after_it(out, store):
    job = the_job(store)
    before = exported(store, out, "before")
    num_shards = archive_job(store, job, out)
    assert num_shards > 1
    assert len(archive_files(out)) == num_shards
    assert all_answers(store, job.id) == []
    assert archive_job(store, job, out) == 0
    assert exported(store, out, "from") == before
    assert archive_files(out) == []
    assert archive_job(store, job, out) == num_shards
    assert restore_job(store, job.id, out) == num_shards
    assert exported(store, out, "after") == before


def test_what_a_person_says_of_an_archived_reflection_stays_through_the_next_archive(out, store):
    job = the_job(store)
    archive_job(store, job, out)
    with store.write() as connection:
        connection.execute(job_table.update().values(public_id="job-1"))
    names = archive_files(out)
    assert restore_job(store, job.id, out, shard=0) == 1
    review_by_person(store, "job-1", (0, 0, 0), Said(False, "a person", "wrong"), key_id="k")
    with store.read() as connection:
        assert archives.is_any_archived(connection, job.id)
        assert [row.rationale for row in reflections.current(connection, job.id, 0) if row.document == 0] == [""]
    archive_job(store, job, out)
    assert len(archive_files(out)) == len(names)
    assert archive_files(out)[0] != names[0]  # the overlay is in it
    assert archive_files(out)[1:] == names[1:]
    exported(store, out, "after")
    with store.read() as connection:
        assert [row.rationale for row in reflections.current(connection, job.id, 0) if row.document == 0] == [""]


def test_who_looks_at_an_archived_job_sees_what_was_there(out):
    with folder.job_folder(out) as store:
        before = all_answers(store, 1)
        archive_job(store, the_job(store), out)
    assert verify_job(out).problems == []
    with folder.existing_job(out) as (store, job):
        assert all_answers(store, job.id) == before


def test_a_damaged_archive_is_refused_and_nothing_of_it_comes_back(out, store):
    job = the_job(store)
    archive_job(store, job, out)
    path = out / "reflections" / archive_files(out)[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(VerificationError, match="SHA-256"):
        restore_job(store, job.id, out)
    assert all_answers(store, job.id) == []


def test_whoever_is_told_to_stop_archives_no_further_shard_and_the_next_one_goes_on(out, store):
    job, told = the_job(store), iter([False, True])
    before = exported(store, out, "before")
    assert archive_job(store, job, out, lambda: next(told)) == 1
    assert len(archive_files(out)) == 1
    num_shards = 1 + archive_job(store, job, out)
    assert len(archive_files(out)) == num_shards
    assert exported(store, out, "after") == before


def test_a_file_that_two_bring_back_and_a_third_writes_again_meanwhile_is_there(out, store, monkeypatch):
    job = the_job(store)
    before = all_answers(store, job.id)
    num_shards = archive_job(store, job, out)
    move_in = archives.move_in

    def archived_again(connection, job_id, archive, rows):
        move_in(connection, job_id, archive, rows)
        monkeypatch.setattr(archives, "move_in", move_in)
        connection.commit()
        assert archive_job(store, job, out) == 1  # with the same bytes, under the same name

    monkeypatch.setattr(archives, "move_in", archived_again)
    restore_job(store, job.id, out)
    assert len(archive_files(out)) == 1
    assert restore_job(store, job.id, out) == 1
    assert all_answers(store, job.id) == before
    assert num_shards > 1


def test_a_job_at_work_is_not_archived(out, store):
    with store.write() as connection:
        connection.execute(job_table.update().values(state="running"))
    with pytest.raises(RecipeError, match="not finished"):
        archive_job(store, the_job(store), out)
