"""A labelled row goes the way that a job's chunk goes, and what it went through is told."""

import asyncio

import pytest

from reflectgen.errors import TeacherUnavailable
from reflectgen.evals.compare.rows import LabelledRow
from reflectgen.jobs.compare import policy_in_words, run_rows
from reflectgen.jobs.recipe import Recipe, named
from reflectgen.jobs.roles import Roles
from reflectgen.records import Category, Label, Road, Verdict
from reflectgen.reflection.cascade import CascadeOptions
from tests.jobs.worlds import FixedGuard, good_reply, scripted_teacher

UNSAFE = Label(Verdict.UNSAFE, Category.HATE, 0.9)


def rows(*texts):
    return [LabelledRow(f"r{n}", text, False, None, "s") for n, text in enumerate(texts)]


def run(guard, teacher, labelled, slots=2, **settings):
    recipe = Recipe(guard=named(guard.provenance), teacher=named(teacher.provenance), **settings)
    seen = []
    results = asyncio.run(run_rows(Roles(guard, [teacher]), recipe, labelled, slots, lambda: seen.append(1)))
    assert len(seen) == len(labelled)
    return results


def test_results_come_in_the_rows_order_with_all_answers_and_the_road():
    def script(request):
        text = request.messages[-1]["content"]
        return "no JSON" if "harbour" in text else good_reply("a plain note on the meadow and its orchard.")

    teacher, _ = scripted_teacher(script)
    meadow, harbour = run(FixedGuard(), teacher, rows("A meadow, an orchard.", "The harbour."))
    assert (meadow.road, meadow.rationale, len(meadow.answers)) == (
        Road.TEACHER,
        "a plain note on the meadow and its orchard.",
        1,
    )
    assert meadow.grounding and meadow.num_words == 9
    assert (harbour.road, [one.reason for one in harbour.answers]) == (Road.FALLBACK, ["malformed", "malformed"])
    assert (harbour.verdict, harbour.grounding, harbour.said) == (Verdict.SAFE, None, None)


def test_whom_the_policy_does_not_ask_gets_the_guards_verdict():
    teacher, model = scripted_teacher(lambda request: good_reply())
    (calm, flagged) = run(
        FixedGuard({"dusk": UNSAFE}), teacher, rows("By day.", "By dusk."), cascade=CascadeOptions(ask="flagged")
    )
    assert (calm.road, calm.answers) == (Road.TEMPLATE, ())
    assert flagged.answers and flagged.verdict is Verdict.UNSAFE  # the more severe of the two stands
    assert all("dusk" in request.messages[-1]["content"] for request in model.requests)


def test_equal_rows_share_an_answer():
    teacher, model = scripted_teacher(lambda request: good_reply("a plain note on the meadow."))
    first, second = run(FixedGuard(endpoint="here"), teacher, rows("A meadow.", "A meadow."))
    assert len(model.requests) == 1
    assert first.rationale == second.rationale


def test_an_endpoint_that_cannot_be_asked_ends_it():
    def script(request):
        raise TeacherUnavailable("away")

    teacher, _ = scripted_teacher(script)
    with pytest.raises(TeacherUnavailable, match="away"):
        run(FixedGuard(), teacher, rows("A meadow.", "A harbour."))


@pytest.mark.parametrize("ask", ["all", "flagged", "uncertain", "sample"])
def test_every_policy_can_be_said(ask):
    assert policy_in_words(CascadeOptions(ask=ask)).startswith("the teacher is asked about ")
