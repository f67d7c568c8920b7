import json

from hypothesis import given
from hypothesis import strategies as st

from reflectgen.filters.collapse_curve import CollapseCurve, CurvePoint


def curve_of(flags: list[bool]) -> CollapseCurve:
    curve = CollapseCurve()
    for flag in flags:
        curve.add(flag)
    return curve


def test_a_collapse_in_the_second_half_shows_there() -> None:
    points = curve_of([False] * 500 + [True] * 500).points
    assert [point.share for point in points if point.end <= 496] == [0.0] * 31
    assert {point.share for point in points if point.start >= 512} == {1.0}


def test_nothing_has_no_points() -> None:
    assert CollapseCurve().to_json() == {"num_rationales": 0, "num_near_duplicates": 0, "points": []}


def test_the_last_stretch_may_be_shorter() -> None:
    assert curve_of([True] * 65).points[-1] == CurvePoint(64, 65, 1)


def test_it_is_written_as_json_with_shares() -> None:
    written = json.loads(json.dumps(curve_of([True, False]).to_json()))
    assert written["points"][0] == {"start": 0, "end": 1, "num_near_duplicates": 1, "share": 1.0}


@given(st.lists(st.booleans(), max_size=2000))
def test_the_stretches_cover_everything_once_and_are_few(flags: list[bool]) -> None:
    points = curve_of(flags).points
    assert len(points) <= 64
    assert [point.start for point in points] == [0, *(point.end for point in points)][: len(points)]
    assert (points[-1].end if points else 0) == len(flags)
    assert all(point.num_near_duplicates == sum(flags[point.start : point.end]) for point in points)
