import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.llm.completion import Completion, TokenChances
from reflectgen.records import Verdict
from reflectgen.reflection.verdict_score import verdict_score


def tokens(*written: str, at: int, **chances: float) -> Completion:
    """A completion whose token number `at` had the given alternatives."""
    likely = tuple((token, math.log(chance)) for token, chance in chances.items())
    return Completion(
        "".join(written), chances=tuple(TokenChances(t, likely if n == at else ()) for n, t in enumerate(written))
    )


@pytest.mark.parametrize(
    "written",
    [
        ('{"', "verdict", '":', ' "', "safe", '",'),
        ("{", "\n", ' "verdict', '":', '"', "safe", '"'),
        ("{", '"', "ver", "dict", '": "', "s", "afe"),
    ],
)
def test_score_is_the_share_of_what_is_not_safe_however_the_tokens_are_cut(written):
    at = next(n for n, token in enumerate(written) if token in ("safe", "s"))
    completion = tokens(*written, at=at, safe=0.6, uns=0.3, contro=0.06, maybe=0.04)
    assert verdict_score(completion, Verdict.SAFE) == pytest.approx(0.36 / 0.96)


def test_value_that_shares_a_token_with_its_quotation_mark_is_found():
    completion = tokens('{"verdict":', '"safe', '"}', at=1, **{'"safe': 0.8, '"un': 0.2, '"': 0.0001})
    assert verdict_score(completion, Verdict.SAFE) == pytest.approx(0.2)


@pytest.mark.parametrize("verdict", Verdict)
def test_without_chances_the_verdict_decides(verdict):
    scores = {Verdict.SAFE: 0.05, Verdict.CONTROVERSIAL: 0.5, Verdict.UNSAFE: 0.95}
    assert verdict_score(Completion("{}"), verdict) == scores[verdict]
    assert verdict_score(tokens('{"label": "', "safe", at=1, safe=1.0), verdict) == scores[verdict]
    assert verdict_score(tokens('{"verdict": "', "safe", at=1, perhaps=1.0), verdict) == scores[verdict]


pieces = st.text(max_size=3) | st.sampled_from(['"verdict"', ": ", '"', "safe", "unsafe", "con"])
likely = st.lists(st.tuples(pieces, st.floats(allow_nan=False)), max_size=4).map(tuple)


@given(st.lists(st.builds(TokenChances, pieces, likely), max_size=12), st.sampled_from(Verdict))
def test_score_is_a_probability_whatever_the_server_sends(chances, verdict):
    assert 0 <= verdict_score(Completion("", chances=tuple(chances)), verdict) <= 1
