import asyncio

import pytest

from reflectgen.errors import TeacherBusy, TeacherError
from reflectgen.llm.completion import Completion, CompletionRequest
from reflectgen.llm.scripted import ScriptedModel


def request(content: str = "How are you?") -> CompletionRequest:
    return CompletionRequest(({"role": "user", "content": content},), "m", 1, 0.0, 10)


def ask(model, *contents):
    async def go():
        return [await model.complete(request(content)) for content in contents]

    return asyncio.run(go())


def test_lines_of_a_list_come_in_order():
    model = ScriptedModel(["one", Completion("two", "length")])
    first, second = ask(model, "a", "b")
    assert (first.text, first.model, first.prompt_tokens, first.completion_tokens) == ("one", "m", 1, 1)
    assert second == Completion("two", "length")
    assert [asked.messages[0]["content"] for asked in model.requests] == ["a", "b"]


def test_function_answers_from_the_request():
    (answer,) = ask(ScriptedModel(lambda asked: asked.messages[0]["content"].upper()), "loud")
    assert answer.text == "LOUD"


def test_exceptions_are_raised():
    with pytest.raises(TeacherBusy):
        ask(ScriptedModel([TeacherBusy("429")]), "a")


def test_list_that_has_run_out_is_an_error():
    with pytest.raises(TeacherError, match="no more lines"):
        ask(ScriptedModel(["one"]), "a", "b")
