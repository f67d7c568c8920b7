from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from reflectgen.llm.body import ParametersCache
from reflectgen.llm.completion import CompletionRequest

texts = st.text(st.characters(codec=None), max_size=30)  # lone surrogates too
messages = st.builds(
    lambda role, content: {"role": role, "content": content}, st.sampled_from(["system", "user"]), texts
)
conversations = st.lists(messages, max_size=3)


@given(st.one_of(conversations, st.lists(conversations, max_size=3)))
def test_messages_are_written_as_json_writes_them(asked: list[object]) -> None:
    request = CompletionRequest((), "m", seed=1, temperature=0.5, max_tokens=9)
    body = ParametersCache().parameters_of(request).body(asked)
    assert body.as_bytes == json.dumps(body.as_dict).encode()
