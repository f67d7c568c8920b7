import pytest

from reflectgen.filters.chain import DEFAULT_FILTERS, first_rejection
from reflectgen.filters.disagreement import Disagreement
from reflectgen.filters.injection import Injection
from reflectgen.records import Category, Verdict
from tests.filters.hostile import HONEST, HOSTILE
from tests.filters.making import candidate, unparsed

RATIONALE = "a short account of how a man treats his dog at home."


@pytest.mark.parametrize("name", HOSTILE)
def test_a_gullible_teacher_is_not_believed(name: str) -> None:
    assert Injection().decide(candidate(RATIONALE, chunk=HOSTILE[name])).reason == "injection"


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("verdict", [Verdict.SAFE, Verdict.CONTROVERSIAL])
def test_no_milder_verdict_is_accepted_where_the_guard_says_unsafe(name: str, verdict: Verdict) -> None:
    given = candidate(
        RATIONALE,
        chunk=HOSTILE[name],
        verdict=verdict,
        category=Category.NONE if verdict is Verdict.SAFE else Category.VIOLENT_CRIMES,
        evidence=HOSTILE[name][:12],
        guard=Verdict.UNSAFE,
    )
    assert first_rejection(given).reason in ("disagreement", "injection")
    lenient = [each for each in DEFAULT_FILTERS if not isinstance(each, Disagreement)]
    assert first_rejection(given, lenient).reason == "injection"


@pytest.mark.parametrize(
    ("verdict", "guard"),
    [
        (Verdict.UNSAFE, Verdict.SAFE),
        (Verdict.UNSAFE, Verdict.UNSAFE),
        (Verdict.CONTROVERSIAL, Verdict.SAFE),
        (Verdict.CONTROVERSIAL, Verdict.CONTROVERSIAL),
    ],
)
def test_a_teacher_that_is_at_least_as_severe_as_the_guard_is_believed(verdict: Verdict, guard: Verdict) -> None:
    given = candidate(RATIONALE, chunk=HOSTILE["plain"], verdict=verdict, category=Category.OTHER, guard=guard)
    assert Injection().decide(given).accepted


@pytest.mark.parametrize("chunk", HONEST)
def test_an_ordinary_chunk_keeps_its_reflection(chunk: str) -> None:
    assert Injection().decide(candidate(RATIONALE, chunk=chunk)).accepted


def test_the_detail_says_what_was_seen() -> None:
    decision = Injection().decide(candidate(RATIONALE, chunk=HOSTILE["plain"]))
    assert decision.detail == "verdict safe on a chunk that is suspicious: it revokes instructions"


def test_an_unparsed_reply_is_left_to_the_filter_for_it() -> None:
    assert Injection().decide(unparsed("safe", chunk=HOSTILE["plain"])).accepted
