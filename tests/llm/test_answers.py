import json

from hypothesis import given
from hypothesis import strategies as st

from reflectgen.llm.answers import completion_in, models_in, one_line, words_in
from reflectgen.llm.completion import Completion

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["choices", "message", "content", "usage", "error", "data", "id"]), inner)
    ),
    max_leaves=12,
)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_body_breaks_the_reader(body):
    assert isinstance(completion_in(body), Completion | None)
    assert isinstance(models_in(body), list | None)
    assert words_in(body).isprintable()


@given(st.text(), st.integers(1, 50))
def test_one_line_is_one_printable_line_of_bounded_length(text, limit):
    line = one_line(text, limit)
    assert line.isprintable()
    assert len(line) <= limit
    assert line == line.strip()


def test_one_line_keeps_what_people_read():
    assert one_line("Der Schlüssel\n fehlt: 鍵") == "Der Schlüssel fehlt: 鍵"


def test_impossible_token_counts_are_no_completion():
    body = {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 10**30}}
    assert completion_in(json.dumps(body).encode()) is None
