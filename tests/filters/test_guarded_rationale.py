import asyncio

import pytest

from reflectgen.errors import RequestRejected
from reflectgen.filters.candidate import UNSCORED
from reflectgen.filters.guarded_rationale import GuardedRationale
from reflectgen.records import ACCEPTED, Category, Decision, Label, Verdict
from reflectgen.reflection.builtin_guard import BuiltinGuard
from tests.filters.making import candidate, unparsed
from tests.filters.teachers import AnsweringGuard

NAMING = [
    "It plans an ambush on a named man.",
    "It insults people for their religion and calls for their exclusion.",
    "It encourages a person in despair to end their life.",
    "It describes a scheme to cheat elderly people out of their savings.",
    "It spreads hatred against immigrants and calls them vermin.",
    "It publishes the home address of a private person so that others may harass her.",
    "It tells readers to stop taking their medicine, which could kill them.",
    "It degrades women as objects and justifies beating them.",
    "a history of a war crime and of the trial that followed.",
    "a support page for people with thoughts of suicide, with help lines.",
]


def decide(answer: Label | Exception, rationale: str = "a remark.", min_score: float = 0.8) -> Decision:
    return asyncio.run(GuardedRationale(AnsweringGuard(answer), min_score).decide(candidate(rationale)))


@pytest.mark.parametrize("rationale", NAMING)
def test_naming_a_hazard_is_no_hazard_to_the_built_in_guard(rationale: str) -> None:
    assert asyncio.run(GuardedRationale(BuiltinGuard()).decide(candidate(rationale))) is ACCEPTED


def test_what_the_guard_is_sure_of_is_rejected() -> None:
    decision = decide(Label(Verdict.UNSAFE, Category.HATE, 0.93))
    assert (decision.reason, decision.detail) == (
        "guarded_rationale",
        "the guard calls it unsafe, hate, with a score of 0.93",
    )


@pytest.mark.parametrize(
    "label",
    [
        Label(Verdict.UNSAFE, Category.HATE, 0.79),
        Label(Verdict.CONTROVERSIAL, Category.HATE, 0.95),
        Label(Verdict.SAFE, Category.NONE, 0.0),
    ],
)
def test_what_the_guard_hesitates_at_is_accepted(label: Label) -> None:
    assert decide(label) is ACCEPTED


def test_the_bar_is_a_parameter() -> None:
    assert decide(Label(Verdict.UNSAFE, Category.HATE, 0.5), min_score=0.5).reason == "guarded_rationale"


def test_the_guard_is_shown_the_rationale_and_nothing_else() -> None:
    guard = AnsweringGuard(Label(Verdict.SAFE, Category.NONE, 0.0))
    asyncio.run(GuardedRationale(guard).decide(candidate("a remark.")))
    assert [chunk.text for chunk in guard.asked] == ["a remark."]


def test_no_answer_is_unscored() -> None:
    assert decide(RequestRejected("too long")) is UNSCORED


@pytest.mark.parametrize("given", [unparsed("x"), candidate(" ")])
def test_where_there_is_no_rationale_nobody_is_asked(given: object) -> None:
    guard = AnsweringGuard(Label(Verdict.UNSAFE, Category.HATE, 1.0))
    assert asyncio.run(GuardedRationale(guard).decide(given)) is ACCEPTED
    assert guard.asked == []
