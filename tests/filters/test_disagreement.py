import pytest

from reflectgen.filters.disagreement import Disagreement
from reflectgen.records import Verdict
from tests.filters.making import candidate, unparsed


@pytest.mark.parametrize("guard", Verdict)
@pytest.mark.parametrize("teacher", Verdict)
def test_only_safe_against_unsafe_is_rejected_by_default(guard: Verdict, teacher: Verdict) -> None:
    decision = Disagreement().decide(candidate(verdict=teacher, guard=guard))
    assert decision.accepted == ((guard, teacher) != (Verdict.UNSAFE, Verdict.SAFE))


@pytest.mark.parametrize("max_steps_milder", [0, 1, 2])
def test_a_teacher_more_severe_than_the_guard_is_never_rejected(max_steps_milder: int) -> None:
    given = candidate(verdict=Verdict.UNSAFE, guard=Verdict.SAFE)
    assert Disagreement(max_steps_milder).decide(given).accepted


def test_with_no_steps_allowed_any_milder_verdict_is_rejected() -> None:
    given = candidate(verdict=Verdict.SAFE, guard=Verdict.CONTROVERSIAL)
    decision = Disagreement(0).decide(given)
    assert (decision.reason, decision.detail) == ("disagreement", "the guard says controversial, the teacher safe")


def test_an_unparsed_reply_is_left_to_the_filter_for_it() -> None:
    assert Disagreement(0).decide(unparsed("x")).accepted
