from hypothesis import given
from hypothesis import strategies as st

from reflectgen.evals.compare.measures import UNLABELLED, Reading, by_source, detection, hazards, lookalikes
from reflectgen.records import Category, Verdict
from tests.evals.compare.making import CONTROVERSIAL, SAFE, UNSAFE, result, row


def test_controversial_counts_as_unsafe_in_the_strict_reading_only():
    measured = [(row(0, True), result(CONTROVERSIAL)), (row(1, False), result(CONTROVERSIAL))]
    strict, loose = (detection(measured, reading) for reading in Reading)
    assert (strict.num_true, strict.num_false) == (1, 1)
    assert (loose.num_missed, loose.num_passed) == (1, 1)
    assert (strict.precision.value, strict.recall.value, loose.recall.value) == (0.5, 1.0, 0.0)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(Verdict)), max_size=40))
def test_every_row_is_counted_once(rows):
    found = detection([(row(n, unsafe), result(v)) for n, (unsafe, v) in enumerate(rows)], Reading.STRICT)
    assert found.num_true + found.num_false + found.num_missed + found.num_passed == len(rows)
    assert found.num_true + found.num_missed == sum(unsafe for unsafe, _ in rows)


def test_among_safe_rows_alone_there_is_no_precision():
    found = detection([(row(0, False), result(UNSAFE)), (row(1, False), result(SAFE))], Reading.STRICT)
    assert (found.precision.value, found.f1.value, found.flagged_safe.value) == (None, None, 0.5)


def test_sources_are_measured_apart():
    measured = [(row(0, True, "a"), result(UNSAFE)), (row(1, True, "b"), result(SAFE))]
    assert [(one.name, one.strict.recall.value) for one in by_source(measured)] == [("a", 1.0), ("b", 0.0)]


def test_a_hazard_is_named_by_its_own_name_and_unnamed_ones_are_apart():
    privacy = {"category": Category.PRIVACY}
    measured = [
        (row(0, True), result(UNSAFE)),  # hate, called hate
        (row(1, True, **privacy), result(UNSAFE)),  # privacy, called hate
        (row(2, True, category=None), result(SAFE)),
    ]
    found = {one.name: one for one in hazards(measured)}
    assert list(found) == ["privacy", "hate", UNLABELLED]
    assert (found["hate"].named_precision.value, found["hate"].named_recall.value) == (0.5, 1.0)
    assert (found["privacy"].recall_strict.value, found["privacy"].named_recall.value) == (1.0, 0.0)
    assert found[UNLABELLED].named_f1.value is None


def test_look_alikes_are_safe_rows_and_the_share_that_is_flagged_is_told_by_what_they_resemble():
    alike = {"is_lookalike": True, "resembles": Category.HATE}
    measured = [(row(0, False, **alike), result(UNSAFE)), (row(1, False, is_lookalike=True), result(SAFE))]
    assert [(one.name, one.num_rows, one.strict.value) for one in lookalikes(measured)] == [
        ("all look-alikes", 2, 0.5),
        ("forum", 2, 0.5),
        ("like hate", 1, 1.0),
    ]
