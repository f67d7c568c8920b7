"""A classification model behind the seam of a chat model."""

import asyncio
import json

import pytest

from reflectgen.errors import RequestRejected, TeacherUnavailable
from reflectgen.llm.classifier import MAX_TEXTS, ClassifierModel
from reflectgen.llm.completion import ClassScores, CompletionRequest


class Classifies:
    """Says of each text how long it is; texts with `too long` in them fail their call."""

    endpoint = "here"

    def __init__(self):
        self.calls = []
        self.closed = False

    async def classify(self, texts, model):
        self.calls.append(list(texts))
        if any("too long" in text for text in texts):
            raise RequestRejected("400: too long")
        return [ClassScores("label", (len(text) / 100, 1 - len(text) / 100)) for text in texts]

    async def close(self):
        self.closed = True


def request(text):
    return CompletionRequest(({"role": "user", "content": text},), "m", seed=0, temperature=0.0, max_tokens=1)


def ask(transport, *texts):
    async def go():
        model = ClassifierModel(transport, "m")
        try:
            return await asyncio.gather(*(model.complete(request(text)) for text in texts), return_exceptions=True)
        finally:
            await model.close()

    return asyncio.run(go())


def test_texts_share_calls_and_each_gets_its_own_classes():
    transport = Classifies()
    answers = ask(transport, *("x" * n for n in range(MAX_TEXTS + 5)))
    assert [json.loads(one.text)["probabilities"][0] for one in answers] == [n / 100 for n in range(MAX_TEXTS + 5)]
    assert sorted(map(len, transport.calls)) == [5, MAX_TEXTS]
    assert {one.endpoint for one in answers} == {"here"}
    assert transport.closed


def test_one_text_that_is_too_long_costs_no_other_its_answer():
    transport = Classifies()
    short, long, other = ask(transport, "short", "too long", "other")
    assert isinstance(long, RequestRejected)
    assert json.loads(short.text)["label"] == json.loads(other.text)["label"] == "label"


def test_a_server_that_leaves_texts_out_gave_no_usable_answer():
    class Forgetful(Classifies):
        async def classify(self, texts, model):
            return []

    (error,) = ask(Forgetful(), "text")
    assert isinstance(error, TeacherUnavailable)


@pytest.mark.parametrize("number", [1, 2])
def test_nothing_is_asked_twice(number):
    transport = Classifies()
    ask(transport, *(f"text {n}" for n in range(number)))
    assert sum(map(len, transport.calls)) == number
