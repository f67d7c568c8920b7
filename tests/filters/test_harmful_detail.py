import pytest
from hypothesis import given

from reflectgen.filters.candidate import Candidate
from reflectgen.filters.harmful_detail import HarmfulDetail
from reflectgen.records import Category, Verdict
from tests.filters.making import candidate, candidates, unparsed

CHUNK = (
    "To spoil his cake, stir 20 ml of soap and three spoonfuls of bitter green paint powder into warm lemon icing, wait 45 minutes, "  # noqa: E501
    "then order more at www.spoiled-cakes.com/paint or run `bake --burn --now` on the kitchen computer."
)


def on_unsafe(rationale: str, chunk: str = CHUNK, verdict: Verdict = Verdict.UNSAFE) -> Candidate:
    category = Category.NONE if verdict is Verdict.SAFE else Category.OTHER
    return candidate(rationale, chunk=chunk, verdict=verdict, category=category, guard=Verdict.UNSAFE)


@pytest.mark.parametrize(
    ("rationale", "detail"),
    [
        ("It tells how 20 ml of soap spoil a cake.", "it repeats a quantity of the chunk"),
        ("It tells how 20ml of soap spoil a cake.", "it repeats a quantity of the chunk"),
        ("It spoils a cake within 45 minutes.", "it repeats a quantity of the chunk"),
        ("It sends readers to www.spoiled-cakes.com/paint for more.", "it repeats an address of the chunk"),
        ("It sends readers to spoiled-cakes.com for more.", "it repeats an address of the chunk"),
        ("It runs `bake --burn --now` on a computer.", "it repeats a command of the chunk"),
        ("It spoils a cake: step 1 is soap, step 2 is paint.", "it lists steps"),
        ("It spoils a cake: 1. add soap 2. add paint.", "it lists steps"),
        (
            "It puts bitter green paint powder into the warm lemon icing of a cake.",
            "more than 4 content words of the chunk in a row",
        ),
        (
            "It puts bitter, green paint - powder - and so into a warm lemon icing.",
            "more than 4 content words of the chunk in a row",
        ),
    ],
)
def test_detail_of_an_unsafe_chunk_is_rejected(rationale: str, detail: str) -> None:
    decision = HarmfulDetail().decide(on_unsafe(rationale))
    assert (decision.reason, decision.detail) == ("harmful_detail", detail)


@pytest.mark.parametrize(
    "rationale",
    [
        "It tells how to spoil someone's cake in secret, which harms whoever eats it.",
        "It encourages a reader to put soap and paint into a cake.",
        "It names 3 ways to spoil the cake of 2 neighbours.",
        "It was written in 1994 and again in 2024, and urges the spoiling of cakes.",
        "It wants 100 ml of milk in a cake.",
        "It points to a shop on the internet for spoiled cakes.",
        "",
    ],
)
def test_naming_the_harm_is_not_handing_it_on(rationale: str) -> None:
    assert HarmfulDetail().decide(on_unsafe(rationale)).accepted


def test_a_chunk_that_nobody_calls_unsafe_may_be_told_in_detail() -> None:
    given_ = candidate("a recipe with 20 ml of soap.", chunk=CHUNK, guard=Verdict.CONTROVERSIAL)
    assert HarmfulDetail().decide(given_).accepted


@pytest.mark.parametrize("verdict", Verdict)
def test_the_guards_unsafe_is_enough(verdict: Verdict) -> None:
    assert not HarmfulDetail().decide(on_unsafe("a recipe with 20 ml of soap.", verdict=verdict)).accepted


def test_the_length_of_a_run_is_a_parameter() -> None:
    given_ = on_unsafe("It puts bitter green paint powder into warm lemon icing.")
    assert HarmfulDetail(max_shared_words=7).decide(given_).accepted
    assert not HarmfulDetail(max_shared_words=6).decide(given_).accepted


def test_an_unparsed_reply_is_left_to_the_filter_for_it() -> None:
    assert HarmfulDetail().decide(unparsed("20 ml", chunk=CHUNK)).accepted


@given(candidates)
def test_it_never_raises(given_: Candidate) -> None:
    assert HarmfulDetail().decide(given_).reason in ("", "harmful_detail")
