from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.monitor.judgement import Judgement
from reflectgen.monitor.stream import MAX_REFLECTION_CHARACTERS, Broken, Ended, Event, Reflected, Said, StreamParser
from reflectgen.records import Category, Reflection, Verdict
from reflectgen.reflection.form import FormOptions, render_reflection

FORM = FormOptions(style="template")
SAFE = Reflected(Judgement(Verdict.SAFE, Category.NONE))

# What streams are made of: markers, halves of them, verdicts, and words.
BITS = ["<think>", "</think>", "<|endoftext|>", "<th", "ink>", "<", "</", "|>", " Safe ", " Unsafe: Violent Crimes "]
BITS += ["Controversial", "Safely", " calm words. ", "é中", "\n", " "]
streams = st.lists(st.sampled_from(BITS), max_size=20).map("".join)


def events_of(pieces: list[str], form: FormOptions = FORM) -> list[Event]:
    parser = StreamParser(form)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return joined([*events, *parser.close()])


def joined(events: list[Event]) -> list[Event]:
    """Join what was said in several parts."""
    out: list[Event] = []
    for event in events:
        if isinstance(event, Said) and out and isinstance(out[-1], Said):
            out[-1] = Said(out[-1].text + event.text)
        else:
            out.append(event)
    return out


@st.composite
def split_streams(draw: st.DrawFn) -> tuple[str, list[str]]:
    text = draw(streams)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return text, [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(split_streams())
def test_any_split_of_a_stream_gives_the_same_events(split: tuple[str, list[str]]) -> None:
    text, pieces = split
    assert events_of(pieces) == events_of([text]) == events_of(list(text))


@given(streams)
def test_text_without_a_whole_marker_comes_out_as_it_was(text: str) -> None:
    for marker in FORM.markers:
        text = text.replace(marker, "")
    if not any(marker in text for marker in FORM.markers):
        assert events_of([text]) == ([Said(text)] if text else [])


def test_a_marker_split_over_pieces_is_found() -> None:
    pieces = ["calm.", " <th", "ink> Sa", "fe </", "think", "> more", " <|endof", "text|>"]
    assert events_of(pieces) == [Said("calm. "), SAFE, Said(" more "), Ended()]


def test_what_only_begins_like_a_marker_is_not_kept_back_for_long() -> None:
    parser = StreamParser(FORM)
    assert parser.feed("a <th") == [Said("a ")]
    assert parser.feed("e") == [Said("<the")]


@pytest.mark.parametrize("style", ["template", "contextual", "hint"])
@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("category", [Category.NONVIOLENT_CRIMES, Category.OTHER, Category.SUICIDE_SELF_HARM])
def test_every_written_form_is_read_back(style: str, verdict: Verdict, category: Category) -> None:
    form = FormOptions.model_validate({"style": style, "end_after_unsafe": False})
    expected = Category.NONE if verdict is Verdict.SAFE else category
    rationale = "" if style == "template" else "It says why."
    written = render_reflection(Reflection(verdict, category, rationale), form)
    assert events_of([written], form) == [Reflected(Judgement(verdict, expected, rationale))]


def test_the_white_space_of_a_tokenizer_is_forgiven() -> None:
    written = "<think> Unsafe : Non - Violent Crimes </think>"
    assert events_of([written]) == [Reflected(Judgement(Verdict.UNSAFE, Category.NONVIOLENT_CRIMES))]


def test_a_category_that_nobody_knows_does_not_soften_a_verdict() -> None:
    (event,) = events_of(["<think>Unsafe: Gardening</think>"])
    assert event == Reflected(Judgement(Verdict.UNSAFE, Category.OTHER, "Gardening"))


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("<think> Safely done </think>", ["not_a_verdict"]),
        ("<think> Safe as houses </think>", ["not_a_verdict"]),
        ("<think></think>", ["not_a_verdict"]),
        ("<think> it is safe </think>", ["not_a_verdict"]),
        ("Safe </think>", ["unopened"]),
        ("<think> Safe", ["unclosed"]),
        ("<think> Safe <|endoftext|>", ["unclosed"]),
        ("<think> Unsafe: <think> Safe </think>", ["nested"]),
    ],
)
def test_a_malformed_reflection_is_named(text: str, reasons: list[str]) -> None:
    assert [event.reason for event in events_of([text]) if isinstance(event, Broken)] == reasons


@pytest.mark.parametrize("size", [1, 1000, 10**6])
def test_an_endless_reflection_is_said_once_and_not_kept(size: int) -> None:
    text = "<think> Safe: " + "so " * MAX_REFLECTION_CHARACTERS + "</think> after"
    parser = StreamParser(FORM)
    events: list[Event] = []
    for start in range(0, len(text), size):
        events += parser.feed(text[start : start + size])
        assert len(parser._rest) <= MAX_REFLECTION_CHARACTERS + size + 20
    reasons = [event.reason for event in events if isinstance(event, Broken)]
    assert reasons == ["too_long"]
    assert joined([*events, *parser.close()])[1:] == [Said(" after")]
