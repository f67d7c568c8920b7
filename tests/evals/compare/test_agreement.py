import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.evals.compare.agreement import agreement, agreements, cohens_kappa
from reflectgen.records import Verdict
from tests.evals.compare.making import CONTROVERSIAL, SAFE, UNSAFE, run


def test_kappa_is_cohens():
    # The textbook table of two readers of 50 proposals: 20 and 15 in agreement, kappa 0.4.
    counts = np.array([[20, 5, 0], [10, 15, 0], [0, 0, 0]])
    assert cohens_kappa(counts, np.random.default_rng(0)).value == pytest.approx(0.4)


@given(st.lists(st.tuples(st.sampled_from(Verdict), st.sampled_from(Verdict)), min_size=1, max_size=30))
def test_kappa_is_at_most_one_within_its_interval_and_the_same_both_ways(pairs):
    one, other = (run(str(side), *(pair[side] for pair in pairs)) for side in (0, 1))
    there, back = agreement(one, other, seed=1), agreement(other, one, seed=1)
    assert sum(map(sum, there.counts)) == len(pairs)
    if there.kappa.value is None:
        assert back.kappa.value is None
    else:
        assert there.kappa.value == pytest.approx(back.kappa.value)
        assert there.kappa.low <= there.kappa.value <= there.kappa.high <= 1


def test_where_all_rows_have_one_verdict_there_is_no_kappa():
    assert agreement(run("a", SAFE, SAFE), run("b", SAFE, SAFE), seed=0).kappa.value is None


def test_every_pair_is_there_once():
    runs = [run(name, SAFE, CONTROVERSIAL, UNSAFE) for name in "abc"]
    assert [(one.one, one.other) for one in agreements(runs, 0)] == [("a", "b"), ("a", "c"), ("b", "c")]
