"""What a client does with what servers say: both transports are held to every test here."""

import asyncio
import gzip
import json

import pytest
from pydantic import SecretStr

from reflectgen.errors import (
    RequestRejected,
    TeacherBusy,
    TeacherError,
    TeacherGone,
    TeacherNotFound,
    TeacherUnauthorized,
    TeacherUnavailable,
)
from reflectgen.llm.aiohttp_wire import AiohttpWire
from reflectgen.llm.client import MAX_REPLY_BYTES, OpenAIClient
from reflectgen.llm.completion import CompletionRequest
from reflectgen.llm.openai_sdk import OpenAISdkWire
from reflectgen.llm.wire import Wire
from tests.llm.fault_server import HANG_UP, completion, http, models, serving

KEY = "sk-canary-5fe1"
under_test: type[Wire] = AiohttpWire


@pytest.fixture(autouse=True, params=[AiohttpWire, OpenAISdkWire], ids=["aiohttp", "openai"])
def wire(request):
    global under_test
    under_test = request.param


def client_of(url: str, key: str | None = None, **options) -> OpenAIClient:
    return OpenAIClient(url, SecretStr(key) if key else None, wire=under_test, **options)


def question(**changes) -> CompletionRequest:
    asked = {"messages": ({"role": "user", "content": "Hi"},), "model": "m", "seed": 5, "temperature": 0.5}
    return CompletionRequest(**asked | {"max_tokens": 50} | changes)


async def ask(server, request=None, **options):
    client = client_of(server.url, KEY, **options)
    try:
        return await client.complete(request or question())
    finally:
        await client.close()


async def failure(respond, request=None, **options) -> TeacherError:
    async with serving(respond) as server:
        with pytest.raises(TeacherError) as raised:
            await ask(server, request, **options)
    return raised.value


def failing(respond, request=None, **options) -> TeacherError:
    return asyncio.run(failure(respond, request, **options))


def test_completion_comes_back_with_its_tokens():
    async def go():
        async with serving(http(200, completion("hello", finish_reason="length"))) as server:
            return await ask(server)

    answer = asyncio.run(go())
    assert (answer.text, answer.finish_reason, answer.model) == ("hello", "length", "m")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.chances) == (7, 3, ())


def test_request_says_what_vllm_reads():
    async def go():
        async with serving(http(200, completion())) as server:
            schema = {"type": "object"}
            extra = {"chat_template_kwargs": {"enable_thinking": False}, "model": "never this one"}
            await ask(server, question(json_schema=schema, top_logprobs=5, extra=extra))
            return server.asked[0]

    asked = asyncio.run(go())
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.json() == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "seed": 5,
        "temperature": 0.5,
        "max_completion_tokens": 50,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
        },
        "logprobs": True,
        "top_logprobs": 5,
        "chat_template_kwargs": {"enable_thinking": False},
    }


def test_chances_of_tokens_are_read():
    top = [{"token": "safe", "logprob": -0.1}, {"token": "un", "logprob": -2.5}]
    logprobs = {"content": [{"token": "safe", "logprob": -0.1, "top_logprobs": top}]}

    async def go():
        async with serving(http(200, completion("safe", logprobs=logprobs))) as server:
            return await ask(server)

    (chances,) = asyncio.run(go()).chances
    assert (chances.token, chances.alternatives) == ("safe", (("safe", -0.1), ("un", -2.5)))


def test_refusal_in_its_own_field_is_text():
    reply = {"choices": [{"message": {"content": None, "refusal": "I cannot help with that."}}]}

    async def go():
        async with serving(http(200, reply)) as server:
            return await ask(server)

    assert asyncio.run(go()).text == "I cannot help with that."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, TeacherUnavailable),
        (400, RequestRejected),
        (401, TeacherUnauthorized),
        (402, TeacherUnauthorized),
        (403, TeacherUnauthorized),
        (404, TeacherNotFound),
        (405, TeacherNotFound),
        (408, TeacherUnavailable),
        (413, RequestRejected),
        (422, RequestRejected),
        (429, TeacherBusy),
        (500, TeacherUnavailable),
        (502, TeacherUnavailable),
        (503, TeacherBusy),
        (504, TeacherUnavailable),
    ],
)
def test_status_decides_the_type_of_the_error(status, kind):
    error = failing(http(status, {"error": {"message": "the server's words"}}))
    assert type(error) is kind
    assert str(status) in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "too long by half", "code": 400}},
        {"error": "too long by half"},
        {"object": "error", "message": "too long by half"},
        {"detail": "too long by half"},
        "too long by half",
    ],
)
def test_rejection_repeats_the_servers_words(body):
    assert str(failing(http(400, body))).endswith("answered 400: too long by half")


def test_servers_words_are_one_short_line_that_a_terminal_does_not_obey():
    said = str(failing(http(400, {"error": {"message": "a\n\x1b[31mred\x00\u202e" + "x" * 5000}})))
    assert said.isprintable()
    assert len(said) < 300


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_busy_server_says_when_to_come_back(header, seconds):
    error = failing(http(429, Retry_After=header))
    assert isinstance(error, TeacherBusy)
    assert error.retry_after_seconds == seconds


def test_unknown_model_names_the_served_ones():
    async def respond(asked):
        served = asked.path == "/v1/models"
        return http(200, models("qwen", "llama")) if served else http(404, {"error": {"message": "no such model"}})

    said = str(failing(respond))
    assert "serves no model 'm', only: qwen, llama" in said
    assert "no such model" in said


def test_right_model_at_a_wrong_path_blames_the_address():
    async def respond(asked):
        return http(200, models("m")) if asked.path == "/v1/models" else http(404, {"detail": "Not Found"})

    assert "lists the model 'm' but does not answer chats: check the address" in str(failing(respond))


def test_address_of_something_else_is_said_to_be():
    said = str(failing(http(404, "<html>\n<h1>nginx</h1></html>", "text/html")))
    assert "nothing there looks like an OpenAI-compatible API: check the address" in said


def test_redirect_is_not_followed():
    async def go():
        async with serving(http(307, Location="http://169.254.169.254/latest")) as server:
            with pytest.raises(TeacherUnavailable, match="redirects to"):
                await ask(server)
            return server.asked

    assert len(asyncio.run(go())) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome</html>",
        b"null",
        b"[]",
        b'{"choices": []}',
        b'{"choices": [{"message": {}, "finish_reason": 3}]}',
        b'{"error": {"message": "oops"}}',
        b'{"choices": [{"message": {"content": "cut o',
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b'{"choices": [{"message": {"content": "\\ud800"}}]}',
    ],
)
def test_success_that_is_no_completion_is_unavailable(body):
    error = failing(http(200, body, "text/html"))
    assert type(error) is TeacherUnavailable
    assert "no completion (text/html, " in str(error)


def test_huge_reply_is_not_read():
    async def respond(asked):
        return b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n" + b"x" * (MAX_REPLY_BYTES + 1)

    error = failing(respond)
    assert type(error) is TeacherGone
    assert "more than 4 MiB" in str(error)


def test_packed_reply_is_not_unpacked():
    packed = gzip.compress(json.dumps(completion("x" * 10_000_000)).encode())
    assert type(failing(http(200, packed, Content_Encoding="gzip"))) is TeacherUnavailable


@pytest.mark.parametrize(
    "reply",
    [
        HANG_UP,
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{" + HANG_UP,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + HANG_UP,
        b"SSH-2.0-OpenSSH_9.6\r\n" + HANG_UP,
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n" + HANG_UP,
        b"\x15\x03\x01\x00\x02\x02\x46" + HANG_UP,
    ],
)
def test_connection_that_breaks_or_talks_otherwise_is_unavailable(reply):
    error = failing(reply)
    assert type(error) is TeacherGone
    assert str(error).isprintable()


def test_silence_ends_at_the_timeout():
    async def respond(asked):
        await asyncio.Event().wait()
        return b""

    assert str(failing(respond, timeout_seconds=0.2)).endswith("in 0.2 s")


def test_closed_port_is_unavailable_and_says_refused():
    async def go():
        async with serving(b"") as server:
            pass
        with pytest.raises(TeacherUnavailable, match="refused"):
            await ask(server)

    asyncio.run(go())


def test_connection_closed_while_idle_is_made_anew():
    async def go():
        async with serving(http(200, completion()) + HANG_UP) as server:
            client = client_of(server.url)
            answers = [(await client.complete(question())).text for _ in range(3)]
            await client.close()
            return answers, len(server.asked)

    assert asyncio.run(go()) == (["hello"] * 3, 3)


def test_connection_that_closes_again_is_not_tried_for_ever():
    async def go():
        async with serving(HANG_UP) as server:
            with pytest.raises(TeacherUnavailable):
                await ask(server)
            return len(server.asked)

    assert asyncio.run(go()) == 2


def test_connections_are_kept_and_no_more_calls_fly_than_allowed():
    async def respond(asked):
        await asyncio.sleep(0.01)
        return http(200, completion())

    async def go():
        async with serving(respond) as server:
            client = client_of(server.url, concurrency=4)
            await asyncio.gather(*[client.complete(question(seed=seed)) for seed in range(24)])
            await client.close()
            return server

    server = asyncio.run(go())
    assert len(server.asked) == 24
    assert server.max_in_flight == 4
    assert server.num_connections == 4


def chain(error: BaseException | None) -> list[BaseException]:
    return [error, *chain(error.__cause__), *chain(error.__context__)] if error else []


@pytest.mark.parametrize(
    "respond",
    [
        http(400, {"error": {"message": f"bad request, you sent Bearer {KEY}"}}),
        http(401, {"error": {"message": f"unknown key {KEY}"}}),
        http(404, f"nothing at {KEY}", "text/plain"),
        http(302, Location=f"http://elsewhere/?key={KEY}"),
        http(200, f"<html>{KEY}</html>", "text/html"),
        b"HTTP/1.1 " + KEY.encode() + HANG_UP,
        HANG_UP,
    ],
)
def test_key_is_in_no_error_whatever_the_server_says(respond):
    for error in chain(failing(respond)):
        assert KEY not in f"{error} {error!r} {vars(error)}"


def test_key_is_not_in_the_clients_own_words():
    client = client_of("http://localhost", KEY)
    assert KEY not in f"{client} {client.endpoint}"


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "clé"])
def test_key_that_no_header_can_carry_is_refused_unrepeated(key):
    with pytest.raises(TeacherUnauthorized) as raised:
        client_of("http://localhost", key)
    assert key not in str(raised.value)


def test_served_models_are_listed():
    async def go():
        async with serving(http(200, models("b", "a"))) as server:
            client = client_of(server.url)
            names = await client.served_models()
            await client.close()
            return names, server.asked[0].path

    assert asyncio.run(go()) == (["b", "a"], "/v1/models")
