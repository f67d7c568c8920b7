import asyncio
import json

import pytest

from reflectgen.errors import RecipeError
from reflectgen.jobs.folder import job_folder
from reflectgen.jobs.recipe import Recipe, named
from reflectgen.jobs.regenerate import open_again, read_conditions
from reflectgen.jobs.roles import Roles
from reflectgen.jobs.run import Run, run_job
from reflectgen.jobs.verify import verify_job
from reflectgen.records import Category, Label, Verdict
from reflectgen.store import jobs, reflections, regenerations
from reflectgen.store.counts import count_job
from tests.jobs.worlds import FixedGuard, good_reply, run_here, scripted_teacher, write_corpus

pytestmark = pytest.mark.usefixtures("on_both_databases")


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "c.jsonl", [f"Place s{n} lies by a river." for n in range(10)])


def only_even(request):
    """Answer well about every other place."""
    number = int(request.messages[-1]["content"].split("Place s")[1][0])
    return good_reply(f"a plain account of place s{number}.") if number % 2 == 0 else "no JSON"


def all_places(request):
    number = request.messages[-1]["content"].split("Place s")[1][0]
    return good_reply(f"a newer account of place s{number}.")


def regenerate(out, conditions, teacher, stop_after=None):
    """Open the job again for `conditions` and bring it to its end with `teacher`; return how many were opened."""
    with job_folder(out) as store:
        with store.read() as connection:
            job = jobs.latest(connection)
        old = Recipe.model_validate(job.recipe)
        recipe = old.model_copy(update={"teacher": named(teacher.provenance)})
        opened = open_again(store, job, conditions, recipe)
        with store.read() as connection:
            job = jobs.latest(connection)
        run = Run(store, out, recipe, Roles(FixedGuard(), [teacher]), 4)
        asyncio.run(run_job(run, job, [], asyncio.Event()))
        with store.read() as connection:
            return opened, count_job(connection, job.id)


def woven(out):
    with job_folder(out) as store, store.read() as connection:
        return [(row.document, row.rationale, row.road) for row in reflections.current(connection, 1, 0)]


def test_only_what_was_selected_is_asked_about_again(corpus, tmp_path):
    out = tmp_path / "out"
    first, _ = scripted_teacher(only_even)
    assert run_here(corpus, out, FixedGuard(), first).roads == {"fallback": 5, "teacher": 5}
    before = woven(out)
    second, model = scripted_teacher(all_places, model="second")
    opened, counts = regenerate(out, {"road": "fallback"}, second)
    assert (opened, len(model.requests)) == (5, 5)
    assert counts.roads == {"teacher": 10}
    assert counts.balanced
    after = woven(out)
    assert [row for row in after if row[0] % 2 == 0] == [row for row in before if row[0] % 2 == 0]
    assert all("newer" in row[1] for row in after if row[0] % 2)
    assert verify_job(out).problems == []


def test_every_condition_selects_what_it_says(corpus, tmp_path):
    out, unsafe = tmp_path / "out", Label(Verdict.UNSAFE, Category.HATE, 0.9)
    teacher, _ = scripted_teacher(only_even)
    run_here(corpus, out, FixedGuard({"s3": unsafe, "s4": unsafe}), teacher)
    digits = teacher.provenance.prompt_sha256[:12]
    num_chunks = {}
    with job_folder(out) as store, store.read() as connection:
        for condition in ("verdict=unsafe", "category=hate", "guard=unsafe", "road=teacher", "road=fallback"):
            num_chunks[condition] = regenerations.count(connection, 1, read_conditions([condition]))
        for condition in ("reason=malformed", "reason=disagreement", f"prompt={digits}", "prompt=0123456789ab"):
            num_chunks[condition] = regenerations.count(connection, 1, read_conditions([condition]))
        both = regenerations.count(connection, 1, read_conditions(["guard=unsafe", "reason=malformed"]))
    assert num_chunks == {
        "verdict=unsafe": 2,
        "category=hate": 2,
        "guard=unsafe": 2,
        "road=teacher": 4,
        "road=fallback": 6,
        "reason=malformed": 5,
        "reason=disagreement": 1,
        f"prompt={digits}": 4,
        "prompt=0123456789ab": 0,
    }
    assert both == 1


def test_what_was_taken_back_stays_in_the_store_with_its_recipe(corpus, tmp_path):
    out = tmp_path / "out"
    first, _ = scripted_teacher(only_even)
    run_here(corpus, out, FixedGuard(), first)
    second, _ = scripted_teacher(all_places, model="second")
    regenerate(out, {"reason": "malformed"}, second)
    with job_folder(out) as store, store.read() as connection:
        (kept,) = connection.exec_driver_sql("SELECT conditions, recipe, num_chunks FROM regeneration").all()
        taken_back = connection.exec_driver_sql("SELECT count(*) FROM reflection WHERE reason = 'regenerated'")
        assert taken_back.scalar_one() == 5
    assert json.loads(kept.conditions) == {"reason": "malformed"}
    assert json.loads(kept.recipe)["teacher"]["model"] == "scripted"
    assert kept.num_chunks == 5


def test_a_chunk_keeps_its_old_reflection_until_a_newer_one_is_accepted(corpus, tmp_path):
    out = tmp_path / "out"
    first, _ = scripted_teacher(all_places)
    run_here(corpus, out, FixedGuard(), first)
    with job_folder(out) as store:
        with store.read() as connection:
            job = jobs.latest(connection)
        open_again(store, job, {"verdict": "safe"}, Recipe.model_validate(job.recipe))
        with store.read() as connection:
            counts = count_job(connection, job.id)
            assert counts.num_reflections == 10
            assert not any(p.settled for p in reflections.progress_of(connection, job.id, 0).values())


def test_a_job_that_is_not_finished_is_not_opened_again(corpus, tmp_path):
    out = tmp_path / "out"
    first, _ = scripted_teacher(all_places)
    run_here(corpus, out, FixedGuard(), first)
    regenerating = {"verdict": "safe"}
    with job_folder(out) as store:
        with store.read() as connection:
            job = jobs.latest(connection)
        open_again(store, job, regenerating, Recipe.model_validate(job.recipe))
        with store.read() as connection:
            job = jobs.latest(connection)
        with pytest.raises(RecipeError, match="not finished"):
            open_again(store, job, regenerating, Recipe.model_validate(job.recipe))


@pytest.mark.parametrize("written", ["verdict", "colour=blue", "verdict=", "=x"])
def test_a_condition_names_something_to_select_by(written):
    with pytest.raises(RecipeError, match="KEY=VALUE"):
        read_conditions([written])
