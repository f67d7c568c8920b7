import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.filters.near_duplicate import NearDuplicates, similarity
from tests.filters.making import anything

SUBJECTS = [
    "ferry",
    "tram",
    "kite",
    "lamp",
    "roof",
    "oven",
    "coat",
    "drum",
    "loaf",
    "pear",
    "boot",
    "cart",
    "hive",
    "mill",
    "nest",
    "oak",
]


def key(text: object) -> bytes:
    return hashlib.blake2b(str(text).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def template(subject: str) -> str:
    return f"a plain and quite ordinary remark about one {subject} and nothing that could harm a reader of it."


def decide_all(near: NearDuplicates, rationales: list[str]) -> list[str]:
    return [near.decide(rationale, key(number)).reason for number, rationale in enumerate(rationales)]


def test_a_template_with_one_word_changed_may_serve_so_many_chunks_and_no_more() -> None:
    reasons = decide_all(NearDuplicates(max_repeats=3), [template(subject) for subject in SUBJECTS])
    assert reasons == [""] * 3 + ["near_duplicate"] * (len(SUBJECTS) - 3)


def test_other_words_make_another_rationale() -> None:
    rationales = [
        f"{subject} {subject}s are described by a man from {subject}land in {subject}ish words" for subject in SUBJECTS
    ]
    assert set(decide_all(NearDuplicates(max_repeats=1), rationales)) == {""}


def test_the_same_text_again_is_no_repetition() -> None:
    near = NearDuplicates(max_repeats=1)
    assert [near.decide(template("ferry"), key("one text")).reason for _ in range(5)] == [""] * 5
    assert near.curve.num_near_duplicates == 0
    assert near.decide(template("tram"), key("another text")).reason == "near_duplicate"


def test_case_and_punctuation_make_no_difference() -> None:
    near = NearDuplicates(max_repeats=1, threshold=1)
    assert near.decide("A late ferry, nothing more.", key(1)).accepted
    assert not near.decide("a LATE ferry -- nothing more", key(2)).accepted


def test_the_detail_counts_the_chunks_that_keep_theirs() -> None:
    near = NearDuplicates(max_repeats=2)
    decisions = [near.decide(template("ferry"), key(number)) for number in range(4)]
    assert decisions[-1].detail == "much like the rationale of 2 earlier chunks"


def test_the_groups_that_were_not_met_for_longest_are_forgotten_first() -> None:
    near = NearDuplicates(max_repeats=1, max_groups=2)
    other, third = "rain over the hills all week long", "seven short poems about bread and salt"
    assert [near.decide(text, key(text)).reason for text in (template("oak"), other, template("elm"), third)] == [
        "",
        "",
        "near_duplicate",
        "",
    ]
    assert near.decide(template("ash"), key("ash")).reason == "near_duplicate"  # met again and again, so still known
    assert near.decide(other, key("elsewhere")).accepted  # forgotten when the third came


@given(st.lists(st.tuples(st.sampled_from(SUBJECTS), st.integers(0, 20)), max_size=60))
def test_memory_stays_within_its_bound(fed: list[tuple[str, int]]) -> None:
    near = NearDuplicates(max_groups=4)
    for subject, number in fed:
        near.decide(f"{subject} {number} " * 4, key(number))
    assert len(near._groups) <= 4
    assert all(set(known.values()) <= set(near._groups) for known in near._bands)


@given(st.lists(anything, max_size=20))
def test_the_same_sequence_gives_the_same_decisions_and_curve(rationales: list[str]) -> None:
    first, second = NearDuplicates(max_repeats=1), NearDuplicates(max_repeats=1)
    assert decide_all(first, rationales) == decide_all(second, rationales)
    assert first.curve.to_json() == second.curve.to_json()


def test_similarity_is_that_of_words_and_pairs() -> None:
    assert similarity(["a", "late", "ferry"], ["a", "late", "ferry"]) == 1
    assert similarity(["a", "late", "ferry"], ["a", "late", "tram"]) == pytest.approx(3 / 7)
    assert similarity(["a"], ["b"]) == 0
    assert similarity([], []) == 1


@pytest.mark.parametrize("options", [{"threshold": 0}, {"threshold": 1.5}, {"max_repeats": 0}, {"max_groups": 0}])
def test_options_out_of_bounds_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="near-duplicates need"):
        NearDuplicates(**options)
