import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.records import Category, Reflection, Verdict
from reflectgen.reflection.parse import Hinted, one_line, parse_reply, storable

GOOD = {
    "evidence": "light into sugar",
    "verdict": "safe",
    "category": "none",
    "rationale": "It explains photosynthesis to a class.",
}
REFLECTION = Reflection(Verdict.SAFE, Category.NONE, "It explains photosynthesis to a class.", "light into sugar")


def problem_of(text: str, finish_reason: str = "stop") -> str:
    reply = parse_reply(text, finish_reason)
    assert reply.reflection is None
    return reply.problem


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        "\n  " + json.dumps(GOOD, indent=2) + "\n\n",
        f"```json\n{json.dumps(GOOD)}\n```",
        f"```\n{json.dumps(GOOD, indent=1)}\n```  \n",
        json.dumps(GOOD | {"verdict": " Safe", "category": "NONE", "confidence": 0.9}),
    ],
)
def test_reflection_is_found_whatever_stands_around_it(text):
    reply = parse_reply(text, "stop")
    assert (reply.reflection, reply.problem, reply.text) == (REFLECTION, "", text)


def test_category_is_understood_as_people_write_it():
    reply = parse_reply(json.dumps(GOOD | {"verdict": "Unsafe", "category": "Suicide Self-Harm"}), "stop")
    assert reply.reflection.category is Category.SUICIDE_SELF_HARM


@pytest.mark.parametrize("text", ["", "  \n", "\t"])
def test_nothing_is_empty(text):
    assert problem_of(text) == "empty"


@pytest.mark.parametrize("text", ["", '{"evidence": "cut o', "Let me think about", "```json\n{"])
def test_what_was_cut_off_is_truncated(text):
    assert problem_of(text, "length") == "truncated"


def test_whole_answer_counts_even_where_the_server_says_cut_off():
    assert parse_reply(json.dumps(GOOD), "length").reflection == REFLECTION


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "null",
        "3",
        "[]",
        '"safe"',
        json.dumps([GOOD]),
        json.dumps(GOOD) + json.dumps(GOOD),
        f"Here it is: {json.dumps(GOOD)}",
        "[" * 100_000,
        '{"verdict": ' + "9" * 10_000 + "}",
    ],
)
def test_what_is_no_json_object_is_not_json_and_keeps_its_text(text):
    assert problem_of(text) == "not_json"
    assert parse_reply(text, "stop").text == text


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize("value", [None, 3, [], {}, True])
def test_field_that_is_absent_or_of_another_type_is_missing(field, value):
    assert problem_of(json.dumps({k: v for k, v in GOOD.items() if k != field})) == f"missing_{field}"
    assert problem_of(json.dumps(GOOD | {field: value})) == f"missing_{field}"


@pytest.mark.parametrize("blank", ["", "  ", "\n\u0000"])
def test_blank_rationale_is_missing(blank):
    assert problem_of(json.dumps(GOOD | {"rationale": blank})) == "missing_rationale"


def test_blank_evidence_is_left_to_the_filters():
    assert parse_reply(json.dumps(GOOD | {"evidence": " "}), "stop").reflection.evidence == ""


@pytest.mark.parametrize(("field", "value"), [("verdict", "fine"), ("verdict", ""), ("category", "violence")])
def test_name_outside_its_list_is_unknown(field, value):
    assert problem_of(json.dumps(GOOD | {field: value})) == f"unknown_{field}"


def test_rationale_is_one_line_without_control_characters():
    reply = parse_reply(
        json.dumps(GOOD | {"rationale": " It\nexplains\t\u0000\u001b[1mphoto\ud800synthesis.\u2028 "}), "stop"
    )
    assert reply.reflection.rationale == "It explains [1mphotosynthesis."


def test_hint_stands_where_a_rationale_would():
    text = json.dumps({"verdict": "Unsafe", "category": "hate", "hint": " Tell how\nthe talk ended. "})
    reply = parse_reply(text, "stop", Hinted)
    assert reply.reflection == Reflection(Verdict.UNSAFE, Category.HATE, "Tell how the talk ended.")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (json.dumps(GOOD), "missing_hint"),
        (json.dumps(GOOD | {"hint": "\u0000"}), "missing_hint"),
        (json.dumps(GOOD | {"hint": "Go on.", "verdict": "fine"}), "unknown_verdict"),
        ("Go on.", "not_json"),
    ],
)
def test_reply_without_a_hint_is_a_problem(text, problem):
    reply = parse_reply(text, "stop", Hinted)
    assert (reply.reflection, reply.problem) == (None, problem)


@given(
    st.text() | st.dictionaries(st.sampled_from([*GOOD, "x"]), st.text() | st.none() | st.integers()).map(json.dumps)
)
def test_every_reply_has_a_reflection_or_a_problem_and_can_be_stored(text):
    reply = parse_reply(text, "stop")
    assert (reply.reflection is None) == bool(reply.problem)
    kept = [reply.text, *([reply.reflection.rationale, reply.reflection.evidence] if reply.reflection else [])]
    assert all("\0" not in part and part.encode() is not None for part in kept)


@given(st.text())
def test_storable_text_is_left_as_it_is(text):
    assert storable(text) == text.replace("\0", "\ufffd")


def test_surrogates_become_replacement_characters_and_pairs_join():
    assert storable("a\ud800b\0") == "a\ufffdb\ufffd"
    assert storable("\ud83d\ude00") == "😀"


@given(st.text(st.characters(exclude_categories=[])))
def test_one_line_is_stable(text):
    line = one_line(text)
    assert one_line(line) == line
    assert len(line.splitlines()) <= 1
