from reflectgen.filters.malformed import Malformed
from tests.filters.making import candidate, unparsed


def test_an_unparsed_reply_is_rejected_with_the_parsers_problem() -> None:
    decision = Malformed().decide(unparsed("{", "not JSON: ends too early"))
    assert (decision.reason, decision.detail) == ("malformed", "not JSON: ends too early")


def test_an_unparsed_reply_without_a_stated_problem_still_gets_a_detail() -> None:
    assert Malformed().decide(unparsed("")).detail


def test_a_parsed_reply_is_accepted() -> None:
    assert Malformed().decide(candidate()).accepted
