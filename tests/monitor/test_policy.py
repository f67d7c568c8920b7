from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.monitor.policy import Monitor, Policy, released
from reflectgen.records import Category, Reflection, Verdict
from reflectgen.reflection.form import FormOptions, render_reflection
from tests.monitor.test_stream import BITS, FORM, split_streams, streams

OPEN_FORM = FormOptions(style="template", end_after_unsafe=False)
SAFE, UNSAFE = "<think> Safe </think>", "<think> Unsafe: Violent Crimes </think>"


@given(split_streams(), st.sampled_from(Policy), st.booleans())
def test_any_split_of_a_stream_lets_out_the_same_text(
    split: tuple[str, list[str]], policy: Policy, continues: bool
) -> None:
    text, pieces = split
    monitor = Monitor(FORM, policy, continues=continues)
    let_out = "".join(map(monitor.feed, pieces)) + monitor.close()
    assert let_out == released(text, FORM, policy, continues=continues)


chunks = st.lists(
    st.tuples(st.text(st.characters(exclude_characters="<"), min_size=1, max_size=12), st.sampled_from(Verdict)),
    max_size=6,
)


@given(chunks, st.text(st.characters(exclude_characters="<"), max_size=8))
def test_what_retract_lets_out_is_exactly_the_chunks_up_to_the_first_not_judged_safe(
    judged: list[tuple[str, Verdict]], unjudged: str
) -> None:
    written = [text + render_reflection(Reflection(verdict, Category.OTHER), OPEN_FORM) for text, verdict in judged]
    expected = ""
    for text, verdict in judged:
        if verdict is not Verdict.SAFE:
            break
        expected += text
    assert released("".join(written) + unjudged, OPEN_FORM, Policy.RETRACT, continues=True) == expected


@given(streams)
def test_retract_never_lets_out_more_than_end_nor_end_more_than_observe(text: str) -> None:
    retracted, ended, observed = (released(text, FORM, policy) for policy in Policy)
    assert ended.startswith(retracted)
    assert observed.startswith(ended)


def test_a_chunk_is_held_until_its_reflection_is_whole() -> None:
    monitor = Monitor(FORM, Policy.RETRACT)
    assert [monitor.feed(piece) for piece in ("One. ", "<think> Sa", "fe </thi")] == ["", "", ""]
    assert monitor.feed("nk> Two.") == "One. "
    assert monitor.close() == ""
    assert (monitor.withheld, monitor.stopped_because) == (" Two.", "")


def test_end_lets_out_what_stands_before_the_tag_and_nothing_after_it() -> None:
    monitor = Monitor(FORM, Policy.END)
    assert monitor.feed(f"One. {UNSAFE} Two.") == "One. "
    assert (monitor.feed("Three."), monitor.stopped_because) == ("", "unsafe")


def test_observe_lets_out_all_and_notes_the_verdicts() -> None:
    monitor = Monitor(FORM, Policy.OBSERVE)
    assert monitor.feed(f"One. {UNSAFE} Two. {SAFE}") == "One.  Two. "
    assert [one.verdict for one in monitor.judgements] == [Verdict.UNSAFE, Verdict.SAFE]


def test_a_reflection_before_any_text_is_about_the_prompt_and_stops_nothing() -> None:
    monitor = Monitor(FORM, Policy.RETRACT)
    assert monitor.feed(f"{UNSAFE} I cannot help. {SAFE}") == " I cannot help. "
    assert monitor.prompt_judgement is not None
    assert monitor.prompt_judgement.verdict is Verdict.UNSAFE


def test_after_a_prefill_the_first_reflection_is_about_the_answer() -> None:
    monitor = Monitor(FORM, Policy.RETRACT, continues=True)
    assert (monitor.feed(f"{UNSAFE} It is salt. {SAFE}"), monitor.stopped_because) == ("", "unsafe")


@pytest.mark.parametrize("broken", ["<think> fine </think>", "Safe </think>", "<think> Unsafe <think> Safe </think>"])
def test_retract_stops_at_a_broken_reflection(broken: str) -> None:
    monitor = Monitor(FORM, Policy.RETRACT)
    assert monitor.feed(f"One. {broken} Two. {SAFE}") == ""
    assert monitor.stopped_because == "broken"


@pytest.mark.parametrize(("is_unsafe", "let_out"), [(True, ""), (False, "One. ")])
def test_controversial_counts_as_it_is_told_to(is_unsafe: bool, let_out: str) -> None:
    monitor = Monitor(FORM, Policy.RETRACT, controversial_is_unsafe=is_unsafe)
    assert monitor.feed("One. <think> Controversial: Other </think>") == let_out


def test_nothing_follows_the_end_of_text() -> None:
    assert released(f"One. {SAFE}<|endoftext|> Two. {SAFE}", FORM, Policy.RETRACT) == "One. "


def test_the_streams_of_these_tests_hold_every_marker() -> None:
    assert set(FORM.markers) <= set(BITS)
