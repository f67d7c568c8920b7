import json

import pytest

from reflectgen.errors import InputError
from reflectgen.evals.compare.rows import NO_SOURCE, read_labelled
from reflectgen.evals.compare.sample import stratified
from reflectgen.records import Category
from tests.evals.compare.making import row


def written(path, *rows):
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return str(path)


def test_rows_are_read_with_what_is_known_of_them(tmp_path):
    file = written(
        tmp_path / "a.jsonl",
        {"text": "one", "label": "unsafe", "category": "hate", "source": "s"},
        {"text": "two", "label": "safe", "lookalike_of": "hate"},
        {"text": "three", "label": "safe", "pair_id": "p"},
    )
    one, two, three = read_labelled([file]).rows
    assert (one.is_unsafe, one.category, one.source, one.is_lookalike) == (True, Category.HATE, "s", False)
    assert (two.is_unsafe, two.category, two.source, two.resembles) == (False, None, NO_SOURCE, Category.HATE)
    assert three.is_lookalike


def test_rows_that_cannot_be_measured_on_are_kept_apart_with_their_reason(tmp_path):
    file = written(
        tmp_path / "a.jsonl",
        {"text": "fine", "label": "safe"},
        {"text": "no label"},
        {"text": "odd", "label": "spam"},
        {"text": "  \n", "label": "safe"},
        {"text": "odd hazard", "label": "unsafe", "category": "rudeness"},
        {"label": "safe"},
    )
    read = read_labelled([file])
    assert len(read.rows) == 1
    assert [(one.line, one.reason) for one in read.rejected] == [
        (2, "unknown_label"),
        (3, "unknown_label"),
        (4, "blank_text"),
        (5, "unknown_category"),
        (6, "no_text"),
    ]


def test_a_file_without_a_label_is_an_error_that_says_what_is_wanted(tmp_path):
    with pytest.raises(InputError, match="text and label"):
        read_labelled([written(tmp_path / "a.jsonl", {"text": "no label"})])


def test_a_sample_keeps_proportions_and_order_and_is_the_same_for_one_seed():
    rows = [row(n, n % 4 == 0, "a" if n < 60 else "b") for n in range(100)]
    chosen = stratified(rows, 20, seed=3)
    assert chosen == stratified(rows, 20, seed=3) != stratified(rows, 20, seed=4)
    assert [rows.index(one) for one in chosen] == sorted(rows.index(one) for one in chosen)
    for source, is_unsafe, expected in (("a", True, 3), ("a", False, 9), ("b", True, 2), ("b", False, 6)):
        assert abs(sum(r.source == source and r.is_unsafe is is_unsafe for r in chosen) - expected) <= 1
    assert stratified(rows, 500, seed=0) == rows
