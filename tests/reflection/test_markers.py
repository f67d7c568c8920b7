import string
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reflectgen.errors import VerificationError
from reflectgen.reflection import markers as module
from reflectgen.reflection.markers import (
    STAND_IN,
    STAND_INS,
    NeutralisedSpan,
    find_markers,
    fold,
    neutralise,
    restore,
)

OURS = ("<think>", "</think>", "<|endoftext|>")
SETS = st.sampled_from(
    [OURS, ("[R]", "[/R]", "[END]"), ("{{reflect}}", "{{/reflect}}", "{{end}}"), ("<｜a▁b｜>", "||||", "(1)")]
)
PIECES = ["<", "</", "think", "th", "k>", "<think>", "</think>", "<|endoftext|>", "|", "R]", "[/", "{{reflect}}", "(1)"]
DISGUISES = [
    " ",
    "\n",
    "\t",
    "\u200b",
    "\u00ad",
    "\ufeff",
    "\x00",
    "\u0338",
    "\u3164",
    "＜",
    "ｔｈｉｎｋ",
    "﹤",
    "㏌",
    "K",
    "ı",
    "⑴",
    "｜",
]
hostile = st.lists(st.sampled_from(PIECES + DISGUISES) | st.text(max_size=3), max_size=30).map("".join)


@given(hostile, SETS)
@example("<thi<think>nk>", OURS)
@example("<<<<think>think>think>", OURS)
def test_neutralised_text_holds_no_marker_and_restores_exactly(text: str, markers: tuple[str, ...]) -> None:
    neutral, spans = neutralise(text, markers)
    assert find_markers(neutral, markers) == []
    assert len(neutral) == len(text)
    assert restore(neutral, spans) == text
    assert [neutral[s.start : s.end] for s in spans] != [s.original for s in spans] or not spans


@given(hostile)
def test_no_later_normalisation_brings_a_marker_back(text: str) -> None:
    neutral, _ = neutralise(text, OURS)
    visible = "".join(c for c in neutral if unicodedata.category(c) not in ("Cc", "Cf"))
    for form in (neutral, visible, "".join(visible.split())):
        for normal in (form, unicodedata.normalize("NFKC", form), unicodedata.normalize("NFKD", form)):
            for cased in (normal.lower(), normal.upper().lower(), normal.casefold()):
                assert not any(marker in cased for marker in OURS)


@given(st.text())
def test_normalising_first_does_not_change_what_is_seen(text: str) -> None:
    assert fold(unicodedata.normalize("NFKC", text)) == fold(text)


@pytest.mark.parametrize(
    "disguised",
    [
        "<think>",
        "<THINK>",
        "＜ｔｈｉｎｋ＞",
        "< t h i n k >",
        "<thi\u200bnk>",
        "<thi\u00adnk>",
        "\ufeff<\ufeffthink>",
        "<thi\x00nk>",
        "<th㏌k>",
        "<thınK>",
        "<" + " " * 10_000 + "think>",
        "<|END OF TEXT|>",
        "<\n/think>",
    ],
)
def test_a_disguised_marker_is_found_at_its_first_character(disguised: str) -> None:
    text = "before " + disguised + " after"
    neutral, spans = neutralise(text, OURS)
    first = len("before ") + disguised.startswith("\ufeff")
    assert spans == [NeutralisedSpan(first, first + 1, text[first])]
    assert neutral == text[:first] + "‹" + text[first + 1 :]


@pytest.mark.parametrize(
    "text", ["", "plain", "a < b and b > c", "<thin>", "<b>think</b>", "think", "‹think>", "<|end|>"]
)
def test_text_without_markers_is_left_alone(text: str) -> None:
    assert neutralise(text, OURS) == (text, [])


def test_a_character_that_unfolds_into_several_is_replaced_whole() -> None:
    neutral, spans = neutralise("see ⑴ there", ("(1)",))
    assert neutral == "see ❨ there"
    assert spans == [NeutralisedSpan(4, 5, "⑴")]


def test_every_character_that_could_begin_a_marker_is_known() -> None:
    ranges = module._PUNCTUATION_RANGES
    punctuation = set(string.punctuation)
    for block in range(0, 0x110000, 0x100):
        if not any(low <= block < high for low, high in ranges):
            characters = "".join(map(chr, range(block, block + 0x100)))
            assert punctuation.isdisjoint(unicodedata.normalize("NFKD", characters)), hex(block)


def test_stand_ins_are_visible_and_stay_what_they_are() -> None:
    for character in [*STAND_INS.values(), STAND_IN]:
        assert fold(character) == character
        assert unicodedata.normalize("NFKC", character) == character


@pytest.mark.parametrize(
    "text", ["<" * 1_000_000, "<     " * 200_000, "<think" * 150_000, "<t" + " " * 1_000_000, "<\u0338" * 500_000]
)
def test_a_megabyte_of_beginnings_is_read_through(text: str) -> None:
    assert neutralise(text, OURS) == (text, [])


def test_a_megabyte_of_markers_is_neutralised() -> None:
    neutral, spans = neutralise("<think>" * 150_000, OURS)
    assert len(spans) == 150_000
    assert neutral == "‹think>" * 150_000


def test_markers_far_apart_are_placed_right() -> None:
    text = "é\u200b" * 5_000 + "<think>" + "㏌ " * 9_000 + "</think>" + "x" * 5_000
    assert [text[at : at + 2] for at in find_markers(text, OURS)] == ["<t", "</"]


def test_text_that_uses_all_of_unicode_does_not_fill_the_memory() -> None:
    fold("".join(map(chr, range(0x20000, 0x32000))))
    assert len(module._FOLDS) <= module._MAX_KEPT_FOLDS


@pytest.mark.parametrize(
    "spans",
    [
        [NeutralisedSpan(4, 5, "<")],
        [NeutralisedSpan(1, 2, "<"), NeutralisedSpan(1, 2, "<")],
        [NeutralisedSpan(0, 1, "<<")],
        [NeutralisedSpan(-1, 0, "<")],
        [NeutralisedSpan(2, 1, "")],
    ],
)
def test_spans_that_do_not_fit_are_refused(spans: list[NeutralisedSpan]) -> None:
    with pytest.raises(VerificationError, match="does not fit"):
        restore("text", spans)


def test_a_marker_begins_with_ascii_punctuation() -> None:
    with pytest.raises(ValueError, match="ASCII punctuation"):
        neutralise("text", ("think",))
