import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reflectgen.records import NO_NEIGHBOURS, Category, Chunk, Label, Neighbours, Reflection, Verdict
from reflectgen.reflection.cascade import TEMPLATE_ONLY, CascadeOptions, fallback, request_key, resolve, wants_teacher

SAFE = Label(Verdict.SAFE, Category.NONE, 0.05)
MAYBE = Label(Verdict.CONTROVERSIAL, Category.PRIVACY, 0.5)
UNSAFE = Label(Verdict.UNSAFE, Category.HATE, 0.95)
SAYS_SAFE = Reflection(Verdict.SAFE, Category.NONE, "an account of a village fair.")
SAYS_MAYBE = Reflection(Verdict.CONTROVERSIAL, Category.DEFAMATION, "it repeats a rumour about a mayor.")
SAYS_UNSAFE = Reflection(Verdict.UNSAFE, Category.VIOLENT_CRIMES, "it urges a brawl.")

verdicts = st.sampled_from(Verdict)
categories = st.sampled_from(Category)
labels = st.builds(Label, verdicts, categories, st.floats(0, 1))
said = st.builds(Reflection, verdicts, categories, st.just("a sentence."))


def chunk(text="A fair was held."):
    return Chunk("d", 0, 0, len(text), text)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"ask": "all"}, {SAFE: True, MAYBE: True, UNSAFE: True}),
        ({"ask": "flagged"}, {SAFE: False, MAYBE: True, UNSAFE: True}),
        ({"ask": "uncertain"}, {SAFE: False, MAYBE: True, UNSAFE: False}),
        ({"ask": "uncertain", "band": (0.0, 0.1)}, {SAFE: True, MAYBE: False, UNSAFE: False}),
        ({"ask": "sample", "share": 0.0}, {SAFE: False, MAYBE: True, UNSAFE: True}),
        ({"ask": "sample", "share": 1.0}, {SAFE: True, MAYBE: True, UNSAFE: True}),
    ],
)
def test_policy_decides_which_chunks_go_to_the_teacher(options, asked):
    for label, expected in asked.items():
        assert wants_teacher(chunk(), label, CascadeOptions(**options)) is expected


def test_a_sample_is_as_large_as_asked_for_and_the_same_every_time():
    options = CascadeOptions(ask="sample", share=0.2)
    chunks = [chunk(f"Stall {n} sold apples.") for n in range(5000)]
    first, second = ([wants_teacher(one, SAFE, options) for one in chunks] for _ in range(2))
    assert first == second
    assert 0.17 < sum(first) / len(first) < 0.23


@given(st.sampled_from(["all", "flagged", "uncertain", "sample"]), st.sampled_from(sorted(TEMPLATE_ONLY)))
def test_nobody_is_asked_to_dwell_on_the_gravest_categories_or_on_nothing(ask, category):
    options = CascadeOptions(ask=ask, band=(0, 1), share=1)
    assert not wants_teacher(chunk(), Label(Verdict.UNSAFE, category, 0.5), options)
    assert not wants_teacher(chunk(" \n"), UNSAFE, options)


@given(labels, said)
def test_most_severe_is_never_milder_than_either(label, reflection):
    stands = resolve(label, reflection, CascadeOptions())
    assert stands.verdict.severity == max(label.verdict.severity, reflection.verdict.severity)


@given(labels, said)
def test_the_named_one_decides(label, reflection):
    assert resolve(label, reflection, CascadeOptions(verdict="teacher")).verdict is reflection.verdict
    assert resolve(label, reflection, CascadeOptions(verdict="guard")).verdict is label.verdict


@given(labels, said, st.sampled_from(["most_severe", "teacher", "guard"]))
def test_no_rationale_is_woven_in_for_the_gravest_categories(label, reflection, verdict):
    stands = resolve(label, reflection, CascadeOptions(verdict=verdict))
    assert stands.category not in TEMPLATE_ONLY or not stands.rationale


def test_a_rationale_that_argues_for_safe_goes_with_its_verdict():
    assert resolve(UNSAFE, SAYS_SAFE, CascadeOptions()) == Reflection(Verdict.UNSAFE, Category.HATE)
    assert resolve(MAYBE, SAYS_SAFE, CascadeOptions()) == Reflection(Verdict.CONTROVERSIAL, Category.PRIVACY)


def test_a_rationale_for_a_milder_step_of_not_safe_stays():
    stands = resolve(UNSAFE, SAYS_MAYBE, CascadeOptions())
    assert stands == Reflection(Verdict.UNSAFE, Category.DEFAMATION, SAYS_MAYBE.rationale)


def test_where_they_agree_the_teachers_words_stand():
    assert resolve(SAFE, SAYS_SAFE, CascadeOptions()) is SAYS_SAFE
    assert resolve(UNSAFE, SAYS_UNSAFE, CascadeOptions()) is SAYS_UNSAFE


def test_a_weak_guard_does_not_overrule_a_good_teacher_by_way_of_a_fallback():
    unspoken = Reflection(Verdict.UNSAFE, Category.VIOLENT_CRIMES)
    assert fallback(SAFE, SAYS_UNSAFE, CascadeOptions()) == unspoken
    assert fallback(UNSAFE, SAYS_SAFE, CascadeOptions(verdict="teacher")) == Reflection(Verdict.SAFE, Category.NONE)


def test_a_fallback_without_a_word_of_the_teachers_is_the_guards_label():
    assert fallback(UNSAFE, None, CascadeOptions()) == Reflection(Verdict.UNSAFE, Category.HATE)


def test_a_band_is_two_scores_in_order():
    with pytest.raises(ValidationError, match="the lower first"):
        CascadeOptions(band=(0.8, 0.2))


texts = st.text(max_size=8)
requests = st.tuples(texts, st.integers(0, 3), texts, texts, texts)


@given(requests, requests)
def test_request_keys_are_equal_exactly_for_equal_requests(one, other):
    keys = [request_key(t, a, chunk(text), Neighbours(before, after)) for t, a, text, before, after in (one, other)]
    assert (keys[0] == keys[1]) is (one == other)


def test_a_request_key_does_not_depend_on_where_the_chunk_stands():
    here, there = Chunk("a", 0, 0, 1, "x"), Chunk("b", 7, 70, 71, "x")
    assert request_key("t", 0, here, NO_NEIGHBOURS) == request_key("t", 0, there, NO_NEIGHBOURS)
