"""Conversations with reflections: what a model is to learn, and what it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.corpus.chat import TurnChunker, conversation_from, turns_of
from reflectgen.corpus.chunk import WordChunker
from reflectgen.corpus.rows import ReadOptions
from reflectgen.errors import VerificationError
from reflectgen.export.record import ChunkReflection
from reflectgen.export.sft.conversation import REFUSALS, sft_rows
from reflectgen.export.sft.counts import SftCounts
from reflectgen.export.sft.record import SftOptions, SftRow
from reflectgen.export.sft.run import mixed
from reflectgen.records import Document, Verdict
from reflectgen.reflection.form import FormOptions
from reflectgen.reflection.markers import find_markers
from tests.export.making import FORMS, chunk

FORM = FormOptions(style="template")
UNSAFE = " <think> Unsafe: Violent Crimes </think>"
ROLES = ("user", "assistant", "system", "tool")


def conversation(*turns: tuple[str, str], **fields: Any) -> Document:
    messages = [{"role": role, "content": content} for role, content in turns]
    document = conversation_from({"id": "c", "messages": messages, **fields}, ReadOptions(rows="chat"))
    assert isinstance(document, Document)
    return document


def judged(document: Document, unsafe: str = "BAD", words: int = 4) -> list[ChunkReflection]:
    """Call every chunk with `unsafe` in it unsafe."""
    ends = TurnChunker(WordChunker(words)).ends(document.text)
    starts = [0, *ends[:-1]]
    return [
        chunk(i, start, end, Verdict.UNSAFE if unsafe in document.text[start:end] else Verdict.SAFE)
        for i, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def written(document: Document, form: FormOptions = FORM, **options: Any) -> tuple[list[SftRow], SftCounts]:
    counts = SftCounts()
    return list(sft_rows(document, judged(document), form, SftOptions(**options), counts)), counts


def shown(row: SftRow) -> list[tuple[str, str]]:
    """Return every span's text with its kind."""
    return [(str(row.messages[s.turn]["content"])[s.start : s.end], s.kind) for s in row.spans]


def test_an_answer_opens_with_the_reflection_on_its_prompt_and_has_one_after_each_chunk() -> None:
    document = conversation(("user", "How are you?"), ("assistant", "I am well. Thank you for asking me.\n"))
    (row,), counts = written(document)
    assert row.messages[0]["content"] == "How are you?"
    assert row.messages[1]["content"] == (
        "<think> Safe </think> I am well. <think> Safe </think> Thank you for asking <think> Safe </think> "
        "me. <think> Safe </think>"
    )
    assert [text.strip() for text, kind in shown(row) if kind == "reflection"] == ["<think> Safe </think>"] * 4
    assert (counts.num_answers, dict(counts.answer_verdicts)) == (1, {"safe": 3})


def test_an_unsafe_answer_to_an_unsafe_prompt_becomes_a_refusal_and_ends_the_conversation() -> None:
    turns = [("user", "Do BAD things."), ("assistant", "Here is BAD."), ("user", "More."), ("assistant", "Fine.")]
    (row,), counts = written(conversation(*turns))
    content = row.messages[1]["content"]
    assert content.startswith("<think> Unsafe: Violent Crimes </think> ")
    assert content.endswith(" <think> Safe </think>")
    assert any(refusal in content for refusal in REFUSALS)
    assert len(row.messages) == 2
    assert (counts.num_refusals, counts.num_dropped_turns, counts.num_unsafe_prompts) == (1, 2, 1)
    assert "prompt" not in [kind for _, kind in shown(row)]


def test_a_safe_answer_to_an_unsafe_prompt_stays() -> None:
    (row,), counts = written(conversation(("user", "Do BAD things."), ("assistant", "I will not.")))
    assert row.messages[1]["content"] == "<think> Unsafe: Violent Crimes </think> I will not. <think> Safe </think>"
    assert counts.num_refusals == 0


def test_an_unsafe_answer_to_a_safe_prompt_ends_there_and_its_unsafe_words_are_not_learnt() -> None:
    (row,), counts = written(conversation(("user", "Hi."), ("assistant", "It is so good. Now BAD words. And more.")))
    assert row.messages[1]["content"] == (
        f"<think> Safe </think> It is so good. <think> Safe </think> Now BAD words.{UNSAFE}<|endoftext|>"
    )
    assert shown(row)[-3:] == [(" Now BAD words.", "prompt"), (UNSAFE, "reflection"), ("<|endoftext|>", "end_of_text")]
    assert counts.num_cut_answers == 1


def test_a_recovery_example_is_the_rows_own_words_then_a_stop() -> None:
    turns = [("user", "Do BAD things."), ("assistant", "Well, here it is. Some BAD words. And on.")]
    (recovery, row), counts = written(conversation(*turns), recovery=1.0)
    assert (recovery.id, recovery.kind, row.id, row.kind) == ("c#recovery", "recovery", "c", "conversation")
    assert shown(recovery) == [
        ("Well, here it is. Some BAD words.", "prompt"),
        (UNSAFE, "reflection"),
        ("<|endoftext|>", "end_of_text"),
    ]
    assert "".join(text for text, _ in shown(recovery)) == recovery.messages[1]["content"]
    assert counts.num_recovery_examples == 1


def test_system_and_tool_turns_are_carried_along_and_a_second_answer_has_no_opening() -> None:
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "sun", "tool_call_id": "1"},
        {"role": "assistant", "content": "Sun."},
        {"role": "assistant", "content": ""},
    ]
    document = conversation_from({"id": "c", "messages": messages}, ReadOptions(rows="chat"))
    assert isinstance(document, Document)
    (row,), counts = written(document)
    assert list(row.messages[:4]) == messages[:4]
    assert row.messages[4]["content"] == "<think> Safe </think> Sun. <think> Safe </think>"
    assert row.messages[5]["content"] == ""
    assert dict(counts.roles) == {"system": 1, "user": 1, "tool call": 1, "tool": 1, "assistant": 2}
    assert (counts.num_empty_answers, counts.num_answers_without_prompt) == (1, 1)


def test_the_most_severe_chunk_speaks_for_a_long_prompt() -> None:
    (row,), _ = written(conversation(("user", "One two three four. Five BAD six."), ("assistant", "No.")))
    assert row.messages[1]["content"].startswith("<think> Unsafe")


def test_reflections_of_another_conversation_are_refused() -> None:
    document = conversation(("user", "Hi."), ("assistant", "Ho."))
    with pytest.raises(VerificationError, match="no reflections that fit its turn 0"):
        list(sft_rows(document, judged(document)[1:], FORM, SftOptions(), SftCounts()))
    more = conversation(("user", "Hi."), ("assistant", "Ho."), ("user", "So."))
    with pytest.raises(VerificationError, match="beyond its last turn"):
        list(sft_rows(document, judged(more), FORM, SftOptions(), SftCounts()))


TURNS = st.lists(
    st.tuples(st.sampled_from(ROLES), st.text(alphabet="ab. \n<think>/BAD\x1e", min_size=1, max_size=30)), max_size=6
)


@given(turns=TURNS, form=FORMS, recovery=st.sampled_from([0.0, 1.0]))
def test_whatever_is_said_prompts_stay_and_only_spans_hold_markers(
    turns: list[tuple[str, str]], form: FormOptions, recovery: float
) -> None:
    document = conversation(*turns, ("assistant", "BAD"), note="x")
    rows, counts = written(document, form, recovery=recovery)
    assert len(rows) == counts.num_conversations + counts.num_recovery_examples
    originals = json.loads(document.metadata)["messages"]
    for row in rows:
        for number, message in enumerate(row.messages):
            spans = [span for span in row.spans if span.turn == number]
            content = str(message["content"])
            if message["role"] != "assistant":
                assert (message, spans) == (originals[number], [])
                continue
            assert [(s.start, s.end) for s in spans] == sorted((s.start, s.end) for s in spans)
            for span in reversed([span for span in spans if span.kind != "prompt"]):
                content = content[: span.start] + content[span.end :]
            assert find_markers(content, form.markers) == []
        assert json.loads(row.metadata) == {"note": "x"}
    # An answer that was not replaced is its own words, but for white space at its end and stand-ins of one character.
    last = rows[-1]
    for turn in turns_of(originals):
        if turn.role == "assistant" and turn.message < len(last.messages) - 1:
            content = str(last.messages[turn.message]["content"])
            spans = [span for span in last.spans if span.turn == turn.message]
            for span in reversed(spans):
                content = content[: span.start] + content[span.end :]
            assert len(content.strip()) == len(str(originals[turn.message]["content"]).strip())


@given(share=st.floats(0, 1), num_rows=st.integers(0, 200), seed=st.integers(0, 5))
def test_the_replay_set_has_its_share_of_rows_to_one(share: float, num_rows: int, seed: int) -> None:
    row = SftRow("a", "conversation", (), (), "{}")
    picked = sum(is_mixed for _, is_mixed in mixed([row] * num_rows, SftOptions(mix=share, seed=seed)))
    assert abs(picked - share * num_rows) <= 1
