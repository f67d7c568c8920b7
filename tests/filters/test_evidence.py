import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.filters.evidence import Evidence
from reflectgen.records import Category, Verdict
from tests.filters.making import candidate, unparsed


@pytest.mark.parametrize(
    "evidence",
    [
        "The ferry left at noon.",
        "the FERRY left\n at  noon",
        '"We\'ll be late again"',
        "We’ll be late again,” said the cook.",
        "The ferry … nobody on deck",
        "[...] said the cook ... contradicted him!",
        "",
    ],
)
def test_a_quotation_may_differ_in_case_space_quotes_and_ellipses(evidence: str) -> None:
    assert Evidence().decide(candidate(evidence=evidence)).accepted


@pytest.mark.parametrize(
    "evidence", ["The ferry sank at noon.", "nobody on deck ... The ferry left", "the cook said", "…", "💣"]
)
def test_a_quotation_of_other_words_or_in_another_order_is_rejected(evidence: str) -> None:
    assert (
        Evidence().decide(candidate(evidence=evidence, chunk="The ferry left. He said the cook, nobody on deck")).reason
    )


@pytest.mark.parametrize("evidence", ["", "  \n", "\t"])
@pytest.mark.parametrize("verdict", [Verdict.CONTROVERSIAL, Verdict.UNSAFE])
def test_a_verdict_against_the_text_needs_a_quotation(verdict: Verdict, evidence: str) -> None:
    decision = Evidence().decide(candidate(verdict=verdict, category=Category.HATE, evidence=evidence))
    assert decision.reason == "evidence"


def test_a_quotation_without_words_must_stand_there_exactly() -> None:
    assert Evidence().decide(candidate(evidence="?!", chunk="What?!")).accepted
    assert not Evidence().decide(candidate(evidence="!?", chunk="What?!")).accepted


def test_a_decomposed_text_matches_a_composed_quotation() -> None:
    assert (
        Evidence().decide(candidate(evidence="ein schönes Café", chunk="Da war ein scho\u0308nes Cafe\u0301.")).accepted
    )


def test_a_quotation_in_a_script_without_spaces_is_found() -> None:
    assert Evidence().decide(candidate(evidence="桌子搬到树下", chunk="外公把桌子搬到树下，外婆端出月饼。")).accepted


def test_an_unparsed_reply_is_left_to_the_filter_for_it() -> None:
    assert Evidence().decide(unparsed("x")).accepted


@given(st.text(), st.text(), st.text())
def test_every_verbatim_quotation_is_accepted(before: str, quote: str, after: str) -> None:
    assert Evidence().decide(candidate(evidence=quote, chunk=before + quote + after)).accepted
