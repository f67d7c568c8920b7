from __future__ import annotations

import pytest
from hypothesis import given

from reflectgen.corpus.boundaries import Rank, boundaries, last_clause, rank_of
from tests.corpus.texts import texts


@pytest.mark.parametrize(
    ("before", "after", "rank"),
    [
        ("It ends. ", "Then", Rank.SENTENCE),
        ("It ends?!\u201d  ", "Then", Rank.SENTENCE),
        ("(It ends.) ", "Then", Rank.SENTENCE),
        ("它完了。", "然后", Rank.SENTENCE),
        ("यह अंत है। ", "फिर", Rank.SENTENCE),
        ("it ends . ", "then", Rank.SENTENCE),
        ("It ends.\n", "Then", Rank.SENTENCE),
        ("It ends.\n\n", "Then", Rank.PARAGRAPH),
        ("A title\r\n\r\n", "Then", Rank.PARAGRAPH),
        ("A title\n  \n\n", "Then", Rank.PARAGRAPH),
        ("a line\n", "goes on", Rank.LINE),
        ("a line\r\n", "goes on", Rank.LINE),
        ("a line\u2028", "goes on", Rank.LINE),
        ("approx.\n", "five", Rank.LINE),
        ("approx. ", "five", Rank.PERHAPS),
        ("“Really?” ", "he asked", Rank.PERHAPS),
        ("Mr. ", "Smith", Rank.NONE),
        ("(cf. ", "Smith", Rank.NONE),
        ("J. ", "Smith", Rank.NONE),
        ("The U.S. ", "Army", Rank.PERHAPS),
        ("At 5 p.m. ", "They", Rank.PERHAPS),
        ("In 2019. ", "Then", Rank.SENTENCE),
        ("\n12. ", "Item", Rank.NONE),
        ("1. ", "Item", Rank.NONE),
        (". ", "Item", Rank.SENTENCE),
        ("3.", "14", Rank.NONE),
        ("example.", "org", Rank.NONE),
    ],
)
def test_every_boundary_has_its_rank(before: str, after: str, rank: Rank) -> None:
    last = boundaries(before + after)[-1]
    assert (last.end(), rank_of(last)) == (len(before), rank)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one, two", "one, "),
        ("one; two three", "one; "),
        ("one (two) three", "one (two) "),
        ("一，二三", "一，"),
        ("1,000 2.5 a-b", ""),
    ],
)
def test_a_clause_ends_after_its_mark_and_space(text: str, expected: str) -> None:
    assert text[: last_clause(text, 0, len(text))] == expected


@given(texts)
def test_boundaries_ascend_and_leave_no_space_behind(text: str) -> None:
    ends = [boundary.end() for boundary in boundaries(text)]
    assert ends == sorted(set(ends))
    assert not any(text[end : end + 1].isspace() for end in ends)
