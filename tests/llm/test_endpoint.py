import asyncio

import pytest
from pydantic import SecretStr, ValidationError

from reflectgen.errors import TeacherUnavailable
from reflectgen.llm.completion import CompletionRequest
from reflectgen.llm.endpoint import EndpointOptions, open_client, with_patience
from tests.llm.fault_server import completion, http, serving


@pytest.mark.parametrize(
    "wrong", [{"concurrency": 0}, {"timeout_seconds": 0}, {"outage_patience_seconds": -1}, {"x": 1}]
)
def test_impossible_options_are_refused(wrong):
    with pytest.raises(ValidationError):
        EndpointOptions(url="http://h", **wrong)


def test_endpoint_is_asked_through_one_client_and_closed_with_it():
    async def go():
        async with serving(http(200, completion("hello"))) as server:
            options = EndpointOptions(url=server.url)
            model = with_patience(open_client(options, SecretStr("sk-1")), options)
            answer = await model.complete(CompletionRequest(({"role": "user", "content": "Hi"},), "m", 1, 0.0, 10))
            await model.close()
            return model.endpoint, answer.text, server.url

    endpoint, text, url = asyncio.run(go())
    assert (endpoint, text) == (f"{url}/v1", "hello")


def test_timeout_of_the_options_is_the_clients():
    async def hang(asked):
        await asyncio.Event().wait()
        return b""

    async def go():
        async with serving(hang) as server:
            options = EndpointOptions(url=server.url, timeout_seconds=0.05)
            client = open_client(options)
            with pytest.raises(TeacherUnavailable, match=r"in 0\.05 s"):
                await client.complete(CompletionRequest(({"role": "user", "content": "Hi"},), "m", 1, 0.0, 10))
            await client.close()

    asyncio.run(go())
