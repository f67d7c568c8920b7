"""What the two HTTP transports send, and how they use what a server can do: both are held to every test here."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from reflectgen.errors import RequestRejected, TeacherError, TeacherGone, TeacherNotFound, TeacherUnavailable
from reflectgen.llm.batch import FIRST_FAILURES, MAX_ROWS
from reflectgen.llm.completion import CompletionRequest
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.llm.transport import open_transport
from tests.llm.fault_server import HANG_UP, Asked, completion, http, models, serving

BATCH = "/v1/chat/completions/batch"
SINGLE = "/v1/chat/completions"
METRICS = "vllm:num_requests_running 3\nvllm:num_requests_waiting 2\n"
SCHEMA = {"type": "object", "properties": {"verdict": {"type": "string"}}}

both = pytest.mark.parametrize("transport", ["aiohttp", "openai"])


class Vllm:
    """Answers as vLLM does: each question is answered with its own text, `bad` ones are refused.

    `batch_status` is that of every batch, `drop` and `twice` are texts that a batch leaves out or answers twice.
    """

    def __init__(self, *, batch_status=200, bad=(), drop=(), twice=(), owner="vllm", hang_up_on=()):
        self.batch_status, self.bad, self.drop, self.twice, self.owner = batch_status, bad, drop, twice, owner
        self.hang_up_on = hang_up_on
        self.asked: list[Asked] = []  # questions alone, not what was asked to find out what the server can do

    async def __call__(self, asked: Asked) -> bytes:
        if asked.method == "GET":
            return self._look(asked.path)
        body = asked.json()
        if asked.path == "/tokenize":
            return http(200, {"count": len(body["prompt"])})
        if asked.path == "/classify":
            return http(200, {"data": [{"index": n, "probs": [0.25, 0.75]} for n in range(len(body["input"]))]})
        if asked.path == BATCH and not body["messages"]:
            return http(404 if self.batch_status == 404 else 400, {"error": {"message": "no conversation"}})
        self.asked.append(asked)
        return self._batch(body) if asked.path == BATCH else self._single(body)

    def _look(self, path: str) -> bytes:
        if path == "/v1/models":
            listed = models("m")
            listed["data"][0] |= {"owned_by": self.owner, "max_model_len": 4096}
            return http(200, listed)
        if self.owner == "vllm" and path == "/version":
            return http(200, {"version": "0.32.0"})
        return http(200, METRICS, "text/plain") if self.owner == "vllm" and path == "/metrics" else http(404)

    def _single(self, body) -> bytes:
        text = body["messages"][-1]["content"]
        if text in self.hang_up_on:
            return HANG_UP
        return http(400, {"error": {"message": f"{text}: no"}}) if text in self.bad else http(200, completion(text))

    def _batch(self, body) -> bytes:
        texts = [messages[-1]["content"] for messages in body["messages"]]
        if any(text in self.hang_up_on for text in texts):
            return HANG_UP
        if self.batch_status != 200 or any(text in self.bad for text in texts):
            return http(400 if self.batch_status == 200 else self.batch_status, {"error": {"message": "no"}})
        choices = [completion(text)["choices"][0] | {"index": n} for n, text in enumerate(texts)]
        kept = [choice for choice, text in zip(choices, texts, strict=True) if text not in self.drop]
        kept += [choice for choice, text in zip(choices, texts, strict=True) if text in self.twice]
        usage = {"prompt_tokens": 10 * len(texts) + 1, "completion_tokens": 3 * len(texts) + 1}
        return http(200, {"model": "m", "choices": kept[::-1], "usage": usage})  # in no particular order


def question(text: str, **changes) -> CompletionRequest:
    messages = ({"role": "system", "content": "Judge."}, {"role": "user", "content": text})
    return CompletionRequest(
        **{"messages": messages, "model": "m", "seed": 5, "temperature": 0.5, "max_tokens": 50} | changes
    )


@asynccontextmanager
async def asking(server, transport, *, key="sk-1", cache_salt="", **options):
    async with serving(server) as running:
        named = EndpointOptions(url=running.url, transport=transport, timeout_seconds=5, **options)
        model = open_transport(named, SecretStr(key), cache_salt=cache_salt)
        try:
            yield model
        finally:
            await model.close()


def answers(server, transport, questions, **options):
    """Return what becomes of questions that are asked at once: texts, or errors."""

    async def go():
        async with asking(server, transport, **options) as model:
            return await asyncio.gather(*(model.complete(q) for q in questions), return_exceptions=True)

    return asyncio.run(go())


def texts_of(found):
    return [each if isinstance(each, TeacherError) else each.text for each in found]


def test_both_transports_send_the_same_json_and_the_same_headers():
    asked = question(
        "a", json_schema=SCHEMA, top_logprobs=5, extra={"chat_template_kwargs": {"enable_thinking": False}}
    )
    sent = {}
    for transport in ("aiohttp", "openai"):
        server = Vllm()
        answers(server, transport, [asked], cache_salt="job-7")
        sent[transport] = server.asked
    ours, theirs = (requests[0] for requests in sent.values())
    assert [len(requests) for requests in sent.values()] == [1, 1]
    assert ours.json() == theirs.json()
    assert ours.path == theirs.path == SINGLE
    for name in ("authorization", "content-type", "accept-encoding"):
        assert ours.headers[name] == theirs.headers[name]


@both
def test_nothing_of_the_environment_reaches_the_server(transport, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "x-canary: canary-4711" if "HEADERS" in name else "canary-4711")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/canary-4711")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server = Vllm()
    assert texts_of(answers(server, transport, [question("a")])) == ["a"]
    assert "canary-4711" not in json.dumps(server.asked[0].headers)


@both
def test_instructions_come_first_and_the_job_has_a_salt_of_its_own(transport):
    server = Vllm()
    answers(server, transport, [question("the chunk")], cache_salt="job-7")
    body = server.asked[0].json()
    assert body["cache_salt"] == "job-7"
    assert [message["content"] for message in body["messages"]] == ["Judge.", "the chunk"]


@both
def test_a_server_that_is_not_vllm_is_sent_no_field_of_vllms(transport):
    server = Vllm(owner="somebody")
    answers(server, transport, [question("a")], cache_salt="job-7")
    assert "cache_salt" not in server.asked[0].json()


@both
def test_what_a_server_can_do_is_found_out(transport):
    async def go(server):
        async with asking(server, transport) as model:
            return await model.features(), await model.metrics(), await model.count_tokens("four", "m")

    found, load, tokens = asyncio.run(go(Vllm()))
    assert (found.is_vllm, found.version, found.has_batch, found.has_metrics) == (True, "0.32.0", True, True)
    assert found.max_model_len("m") == 4096
    assert (load.num_running, load.num_waiting, tokens) == (3, 2, 4)
    other, load, _ = asyncio.run(go(Vllm(owner="somebody", batch_status=404)))
    assert (other.is_vllm, other.version, other.has_batch, other.has_metrics, load) == (False, "", False, False, None)


@both
def test_questions_that_are_asked_at_once_share_calls_and_each_gets_its_own_answer(transport):
    server = Vllm()
    wanted = [f"chunk {n}" for n in range(MAX_ROWS + 4)]
    found = answers(server, transport, [question(text) for text in wanted])
    assert texts_of(found) == wanted
    assert {request.path for request in server.asked} == {BATCH}
    assert sorted(len(request.json()["messages"]) for request in server.asked) == [4, MAX_ROWS]
    # What the server counts for a call is shared out, and no token is lost or made up.
    assert sum(each.prompt_tokens for each in found) == 10 * len(wanted) + 2
    assert sum(each.completion_tokens for each in found) == 3 * len(wanted) + 2


@both
def test_questions_of_different_parameters_share_no_call(transport):
    server = Vllm()
    asked = [question("a"), question("b", seed=6), question("c"), question("d", seed=6), question("e", max_tokens=9)]
    assert texts_of(answers(server, transport, asked)) == ["a", "b", "c", "d", "e"]
    rows = [sorted(m[-1]["content"] for m in r.json()["messages"]) for r in server.asked if r.path == BATCH]
    assert sorted(rows) == [["a", "c"], ["b", "d"]]
    assert [r.json()["messages"][-1]["content"] for r in server.asked if r.path == SINGLE] == ["e"]


@both
def test_one_bad_row_costs_one_row(transport):
    server = Vllm(bad=["bad"])
    good, bad, other = answers(server, transport, [question(text) for text in ("good", "bad", "other")])
    assert (good.text, other.text) == ("good", "other")
    assert isinstance(bad, RequestRejected)
    assert "bad: no" in str(bad)


@both
@pytest.mark.parametrize("odd", [{"drop": ["b"]}, {"twice": ["b"]}], ids=["left out", "answered twice"])
def test_a_row_without_its_one_answer_is_asked_by_itself(transport, odd):
    server = Vllm(**odd)
    assert texts_of(answers(server, transport, [question(text) for text in "abc"])) == ["a", "b", "c"]
    assert [r.json()["messages"][-1]["content"] for r in server.asked if r.path == SINGLE] == ["b"]


@both
@pytest.mark.parametrize("status", [400, 413, 422, 501])
def test_a_route_that_refuses_every_batch_is_soon_not_asked(transport, status):
    server = Vllm(batch_status=status)

    async def go():
        async with asking(server, transport) as model:
            for turn in range(FIRST_FAILURES + 2):
                found = await asyncio.gather(*(model.complete(question(f"{turn} {n}")) for n in range(3)))
                assert texts_of(found) == [f"{turn} {n}" for n in range(3)]

    asyncio.run(go())
    assert sum(request.path == BATCH for request in server.asked) == FIRST_FAILURES
    assert sum(request.path == SINGLE for request in server.asked) == 3 * (FIRST_FAILURES + 2)


@both
@pytest.mark.parametrize("how", [{"batch_status": 404}, {}], ids=["no such route", "turned off"])
def test_without_a_batch_route_every_question_has_its_call(transport, how):
    server = Vllm(**how)
    found = answers(server, transport, [question(text) for text in "abc"], batch=bool(how))
    assert texts_of(found) == ["a", "b", "c"]
    assert {request.path for request in server.asked} == {SINGLE}


@both
def test_a_row_that_takes_the_server_down_fails_alone_when_it_is_asked_again(transport):
    server = Vllm(hang_up_on=["poison"])
    asked = [question(text) for text in ("a", "poison", "b")]

    async def go():
        async with asking(server, transport) as model:
            first = await asyncio.gather(*(model.complete(q) for q in asked), return_exceptions=True)
            again = await asyncio.gather(*(model.complete(q) for q in asked), return_exceptions=True)
            return first, again

    first, again = asyncio.run(go())
    assert [type(error) for error in first] == [TeacherGone] * 3
    assert len({id(error) for error in first}) == 3  # each question has an error of its own
    assert [type(each) for each in again] != [TeacherGone] * 3
    assert (again[0].text, again[2].text) == ("a", "b")
    assert isinstance(again[1], TeacherGone)


@both
def test_a_batch_that_fails_fails_its_rows_by_the_kind_of_failure(transport):
    found = answers(Vllm(batch_status=500), transport, [question(text) for text in "ab"])
    assert [type(error) for error in found] == [TeacherUnavailable] * 2


@both
def test_texts_are_classified_in_one_call_and_a_chat_server_is_told_apart(transport):
    async def go(server):
        async with asking(server, transport) as model:
            return await model.classify(["a", "b"], "m")

    assert [each.probabilities for each in asyncio.run(go(Vllm()))] == [(0.25, 0.75)] * 2
    with pytest.raises(TeacherNotFound, match="vLLM has it where it serves the model 'm' as a classifier"):
        asyncio.run(go(http(404, {"detail": "Not Found"})))
