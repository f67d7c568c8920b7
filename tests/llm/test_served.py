import asyncio

import pytest

from reflectgen.errors import TeacherError, TeacherNotFound, TeacherUnauthorized, TeacherUnavailable
from reflectgen.llm.client import OpenAIClient
from reflectgen.llm.served import only_model
from tests.llm.fault_server import http, models, serving


def choose(reply):
    async def go():
        async with serving(reply) as server:
            client = OpenAIClient(server.url)
            try:
                return await only_model(client)
            finally:
                await client.close()

    return asyncio.run(go())


def test_only_model_served_is_chosen():
    assert choose(http(200, models("qwen"))) == "qwen"


@pytest.mark.parametrize("names", [(), ("qwen", "llama")])
def test_no_or_several_models_are_listed_instead(names):
    with pytest.raises(TeacherNotFound, match=rf"serves {len(names)} models, name one: {', '.join(names)}"):
        choose(http(200, models(*names)))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (http(401), TeacherUnauthorized),
        (http(404), TeacherNotFound),
        (http(500), TeacherUnavailable),
        (http(200, "<html>"), TeacherUnavailable),
        (http(200, {"data": [{"name": 3}]}), TeacherUnavailable),
    ],
)
def test_endpoint_that_lists_nothing_is_an_error_by_type(reply, kind):
    with pytest.raises(TeacherError) as raised:
        choose(reply)
    assert type(raised.value) is kind


def test_address_of_something_else_is_said_to_be():
    with pytest.raises(TeacherNotFound, match="check the address"):
        choose(http(404, "<html>"))


def test_served_models_keep_the_servers_order():
    async def go():
        async with serving(http(200, models("b", "a"))) as server:
            client = OpenAIClient(server.url)
            names = await client.served_models()
            await client.close()
            return names

    assert asyncio.run(go()) == ["b", "a"]
