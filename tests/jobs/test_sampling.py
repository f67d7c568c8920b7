"""Totals from a sample: exact where nothing was left out, right on average, with intervals that hold."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.corpus.sources import Source, SourceFormat
from reflectgen.jobs.sampling import CHUNKS_PER_DOCUMENT, NOTHING, Sample, Total, draw_files, ratio_of
from reflectgen.records import Document


class Tens:
    """Cuts after every tenth character."""

    name, version = "tens", "1"

    def ends(self, text):
        return [*range(10, len(text), 10), len(text)] if text else []


def shown(files, size, seed=0, num_files=None, num_bytes=0):
    """Return a sample of files that are lists of texts; a text's characters are what is counted in them."""
    sample = Sample(size, seed, Tens(), num_files=num_files or len(files), num_bytes=num_bytes)
    for texts in files:
        sample.begin_file(sum(map(len, texts)))
        for number, text in enumerate(texts):
            sample.show(Document(str(number), text))
    return sample


def count(sample, letter):
    return sample.total([[chunk.text.count(letter) for chunk, _ in one.chunks] for one in sample.drawn])


@given(st.lists(st.integers(0, 50), max_size=30))
def test_a_corpus_that_is_seen_whole_has_exact_totals(lengths):
    sample = shown([["a" * length for length in lengths]], size=30)
    assert count(sample, "a") == Total.exactly(sum(lengths))
    assert sample.documents == Total.exactly(len(lengths))


def test_every_document_is_as_likely_as_any():
    kept = [0] * 10
    for seed in range(2000):
        for one in shown([["x" * number for number in range(1, 11)]], size=3, seed=seed).drawn:
            kept[one.num_characters - 1] += 1
    assert all(abs(number - 600) < 90 for number in kept)  # more than four standard deviations


def texts_of(rng, number, share):
    return ["".join(rng.choices("ab", (share, 1), k=int(rng.lognormvariate(3, 1)) + 1)) for _ in range(number)]


def held(samples, truth):
    totals = [count(sample, "a") for sample in samples]
    assert abs(statistics.fmean(total.value for total in totals) / truth - 1) < 0.03
    return sum(total.low <= truth <= total.high for total in totals)


def test_intervals_from_documents_hold_the_truth_about_as_often_as_they_say():
    texts = texts_of(random.Random(5), 2000, 0.3)
    truth = "".join(texts).count("a")
    assert held([shown([texts], size=100, seed=seed) for seed in range(100)], truth) >= 88  # of 95 expected


def test_intervals_from_some_of_the_files_allow_for_files_that_differ():
    rng = random.Random(6)
    files = [texts_of(rng, rng.randrange(5, 30), rng.random()) for _ in range(60)]
    truth = sum(text.count("a") for texts in files for text in texts)
    num_bytes = sum(len(text) for texts in files for text in texts)

    def some(seed):
        drawn = random.Random(seed).sample(files, 12)
        return shown(drawn, size=150, seed=seed, num_files=len(files), num_bytes=num_bytes)

    samples = [some(seed) for seed in range(100)]
    assert all(sample.characters.value == pytest.approx(num_bytes) for sample in samples)
    assert held(samples, truth) >= 88


def test_of_a_long_document_some_chunks_are_kept_and_they_stand_for_all():
    text = "".join(random.Random(7).choices("ab", k=30_000))
    samples = [shown([[text]], size=5, seed=seed) for seed in range(100)]
    assert all(len(sample.drawn[0].chunks) == CHUNKS_PER_DOCUMENT for sample in samples)
    assert held(samples, text.count("a")) >= 88
    (one,) = samples[0].drawn
    assert samples[0].total([[1.0] * len(one.chunks)]) == Total.exactly(3000)


def test_chunks_keep_their_neighbours():
    ((first, second, third),) = (one.chunks for one in shown([["a" * 10 + "b" * 10 + "c"]], size=1).drawn)
    assert (first[1].before, first[1].after) == ("", "b" * 10)
    assert (second[1].before, second[1].after) == ("a" * 10, "c")
    assert third[1].after == ""


def test_no_text_is_nothing_and_one_document_of_many_says_little():
    assert count(shown([[]], 5), "a") == NOTHING
    one = count(shown([["a" * 10, "a" * 10]], 1), "a")
    assert (one.value, one.low, one.high) == (20.0, 0.0, math.inf)


def test_a_quotient_by_what_may_be_nothing_has_no_upper_end():
    assert Total(8, 4, 16).over(Total(2, 1, 4)) == Total(4, 1, 16)
    assert Total(8, 4, 16).over(Total(2, 0, 4)).high == math.inf


def test_a_ratio_of_pairs_that_agree_leaves_nothing_to_chance():
    assert ratio_of([2, 4, 6], [1, 2, 3]) == Total.exactly(2)


def sources(*sizes):
    return [Source(f"f{number}", SourceFormat.TEXT, size, "") for number, size in enumerate(sizes)]


def test_files_are_drawn_only_where_there_is_more_than_may_be_read():
    some = sources(*[10] * 20)
    assert draw_files(some, 200, seed=0) == some
    drawn = draw_files(some, 100, seed=0)
    assert len(drawn) == 10
    assert drawn == sorted(drawn, key=lambda source: int(source.path[1:])) == draw_files(some, 100, seed=0)
    assert drawn != draw_files(some, 100, seed=1)


def test_however_large_files_are_five_of_them_are_read():
    assert len(draw_files(sources(*[10**12] * 20), 1, seed=0)) == 5
    assert len(draw_files(sources(10**12), 1, seed=0)) == 1
