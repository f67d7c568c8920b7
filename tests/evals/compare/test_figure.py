import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.evals.compare.figure import f1, mean, rate


def test_an_interval_is_wilsons():
    found = rate(5, 10)
    # Newcombe 1998, table I, gives 0.2366 and 0.7634 for 5 of 10 by the score method.
    assert (found.low, found.high) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))


@given(st.integers(0, 300), st.integers(0, 300))
def test_an_interval_holds_its_rate_and_stays_between_nothing_and_all(hits, others):
    found = rate(hits, hits + others)
    if hits + others == 0:
        assert found.value is None
    else:
        assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(true, false, missed):
    found = f1(true, false, missed)
    if not true + false + missed:
        assert found.value is None
    elif not true:
        assert found.value == 0
    else:
        precision, recall = true / (true + false), true / (true + missed)
        assert math.isclose(found.value, 2 * precision * recall / (precision + recall))
        assert found.low <= found.value <= found.high


def test_a_mean_of_nothing_is_no_number_and_of_one_has_no_interval():
    assert mean([]).value is None
    assert (mean([3.0]).value, mean([3.0]).low) == (3.0, None)
    assert mean([0.0, 1.0], 0.0, 1.0).high == 1.0
