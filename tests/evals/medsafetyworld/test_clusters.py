from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.evals.compare.figure import rate
from reflectgen.evals.medsafetyworld.clusters import clustered_rate, effective_number

answers = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40)


@given(answers)
def test_an_interval_holds_its_share_and_is_no_narrower_than_that_of_independent_answers(
    given_: list[tuple[bool, int]],
) -> None:
    hits, clusters = [hit for hit, _ in given_], [cluster for _, cluster in given_]
    figure, independent = clustered_rate(hits, clusters), rate(sum(hits), len(hits))
    assert figure.n == len(hits)
    assert figure.low is not None and figure.high is not None and figure.value is not None
    assert 0 <= figure.low <= figure.value <= figure.high <= 1
    assert independent.low is not None and independent.high is not None
    assert figure.high - figure.low >= independent.high - independent.low - 1e-12


def test_answers_of_clusters_of_their_own_are_independent() -> None:
    hits = [True, False, False, True, True]
    assert clustered_rate(hits, range(5)) == rate(3, 5)


def test_wordings_that_agree_are_worth_one_answer_a_cluster() -> None:
    # Four outcomes of six wordings each, all alike within: the variance between clusters is 6 times that of 24 answers,
    # and m / (m - 1) = 4 / 3 more for not knowing the mean: 24 / 8 = 3.
    assert effective_number([(6, 6), (6, 6), (0, 6), (0, 6)]) == pytest.approx(3)


def test_where_all_answers_are_alike_clusters_are_counted() -> None:
    figure = clustered_rate([False] * 96, [n // 6 for n in range(96)])
    assert (figure.value, figure.n) == (0, 96)
    assert figure.high == rate(0, 16).high


def test_no_answers_are_no_figure() -> None:
    assert clustered_rate([], []).value is None
