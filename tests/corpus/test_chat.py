"""Conversations as documents."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.corpus.chat import SEPARATOR, TurnChunker, conversation_from, turns_of
from reflectgen.corpus.chunk import WordChunker
from reflectgen.corpus.jsonl import parse_line
from reflectgen.corpus.rows import ReadOptions, Rejection, RejectReason
from reflectgen.records import Document

OPTIONS = ReadOptions(rows="chat")


def read(row: Any) -> Document | Rejection:
    return parse_line(json.dumps(row).encode(), OPTIONS)


def test_both_shapes_become_the_same_document() -> None:
    one = read({"id": 7, "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]})
    other = read({"id": 7, "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]})
    assert isinstance(one, Document) and isinstance(other, Document)
    assert one.text == other.text == f"Hi{SEPARATOR}Ho"
    assert json.loads(one.metadata)["messages"] == json.loads(other.metadata)["messages"]
    assert [json.loads(d.metadata)["shape"] for d in (one, other)] == ["openai", "sharegpt"]


def test_only_users_and_the_assistant_are_judged_and_only_where_they_say_something() -> None:
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "sunny", "tool_call_id": "1"},
        {"role": "assistant", "content": "Sun."},
        {"role": "assistant", "content": None},
    ]
    document = read({"messages": messages, "topic": "sky"})
    assert isinstance(document, Document)
    kept = json.loads(document.metadata)
    assert document.text == f"Weather?{SEPARATOR}Sun."
    assert [(turn.message, turn.role) for turn in turns_of(kept["messages"])] == [(1, "user"), (4, "assistant")]
    assert kept["messages"][3] == {"role": "tool", "content": "sunny", "tool_call_id": "1"}
    assert kept["fields"] == {"topic": "sky"}


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ({"text": "x"}, RejectReason.NO_TURNS, "it has text"),
        ({"messages": []}, RejectReason.NO_TURNS, "holds no turn"),
        ({"messages": "hi"}, RejectReason.NO_TURNS, "is a string"),
        ({"messages": ["hi"]}, RejectReason.BAD_TURN, "turn 0: it is a string"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, RejectReason.BAD_TURN, "its role is 'wizard'"),
        ({"messages": [{"role": "user", "content": 5}]}, RejectReason.BAD_TURN, "its content is a number"),
        ({"messages": [{"role": "user", "content": ""}]}, RejectReason.BAD_TURN, "a user says nothing"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            RejectReason.BAD_TURN,
            "its content is a list",
        ),
        ({"messages": [{"role": "user", "content": "x"}]}, RejectReason.NO_ANSWER, "none of them the assistant's"),
        ({"messages": [{"role": "assistant", "content": "\ud800"}]}, RejectReason.UNDECODABLE, "lone surrogate"),
        ([], RejectReason.NOT_AN_OBJECT, "a list"),
    ],
)
def test_a_row_that_is_no_conversation_has_its_reason(row: Any, reason: RejectReason, detail: str) -> None:
    found = read(row)
    assert isinstance(found, Rejection)
    assert found.reason is reason
    assert detail in found.detail


def test_a_conversation_that_is_too_large_is_rejected() -> None:
    row = {"messages": [{"role": "assistant", "content": "x" * 100}]}
    found = conversation_from(row, ReadOptions(rows="chat", max_document_bytes=100))
    assert isinstance(found, Rejection) and found.reason is RejectReason.TOO_LARGE


@given(st.lists(st.text(alphabet=f"ab .\n{SEPARATOR}", min_size=1), min_size=1, max_size=5))
def test_chunks_lose_nothing_and_none_is_part_of_two_turns(texts: list[str]) -> None:
    messages = [{"role": "assistant", "content": text} for text in texts]
    kept = [messages[turn.message]["content"] for turn in turns_of(messages)]
    text = SEPARATOR.join(kept)
    ends = TurnChunker(WordChunker(2)).ends(text)
    assert ends == sorted(set(ends))
    assert (ends[-1] if ends else 0) == len(text)
    assert {turn.end + 1 for turn in turns_of(messages)[:-1]} <= set(ends)


def test_what_is_not_said_is_not_in_the_dump_so_that_older_jobs_go_on() -> None:
    assert "rows" not in ReadOptions().model_dump(mode="json")
    assert OPTIONS.model_dump(mode="json")["rows"] == "chat"
