"""Totals from a sample: exact where nothing was left out, right on average, with intervals that hold."""

import random
import statistics

from hypothesis import given
from hypothesis import strategies as st

from reflectgen.jobs.sampling import NOTHING, Reservoir
from reflectgen.records import Document


def shown(lengths, size, seed=0):
    reservoir = Reservoir(size, seed)
    for number, length in enumerate(lengths):
        reservoir.show(Document(str(number), "x" * length))
    return reservoir


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(0, 5))
def test_a_corpus_that_is_seen_whole_has_exact_totals(lengths, each):
    reservoir = shown(lengths, size=30)
    amounts = [length * each for length in lengths]
    total = reservoir.total(amounts)
    assert total.low == total.high == total.value
    assert abs(total.value - sum(amounts)) < 1e-6


def test_every_document_is_as_likely_as_any():
    kept = [0] * 10
    for seed in range(2000):
        for document in shown([1] * 10, size=3, seed=seed).documents:
            kept[int(document.id)] += 1
    assert all(abs(number - 600) < 90 for number in kept)  # more than four standard deviations


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = random.Random(5)
    lengths = [int(rng.lognormvariate(5, 1)) + 1 for _ in range(3000)]
    amounts = [length / 6 + rng.random() * 20 for length in lengths]
    held, values = 0, []
    for seed in range(200):
        reservoir = shown(lengths, size=200, seed=seed)
        total = reservoir.total([amounts[int(document.id)] for document in reservoir.documents])
        held += total.low <= sum(amounts) <= total.high
        values.append(total.value)
    assert held >= 178  # of 190 expected
    assert abs(statistics.fmean(values) / sum(amounts) - 1) < 0.01


def test_no_text_is_nothing_and_one_document_of_many_says_little():
    assert shown([], 5).total([]) == NOTHING
    one = shown([10, 10], 1).total([3])
    assert (one.value, one.low, one.high) == (6.0, 0.0, float("inf"))


def test_factors_with_an_interval_widen_it():
    total = shown([10], 5).total([100]).times(2.0, 1.5, 3.0)
    assert (total.low, total.value, total.high) == (150.0, 200.0, 300.0)
