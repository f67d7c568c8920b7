"""`serve-teacher` with a real vLLM: what it printed is a recipe that works, and its flags do what they are for."""

import asyncio
import json
import tomllib
from pathlib import Path

import aiohttp
import pytest

from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import open_roles
from reflectgen.llm.completion import CompletionRequest
from reflectgen.llm.transport import open_transport
from reflectgen.reflection.teacher import REFLECTION_SCHEMA
from reflectgen.settings import read_settings
from tests.vllm.server import NOT_HERE, PRINTED, URL

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not PRINTED, reason=NOT_HERE),
]


@pytest.fixture(scope="module")
def printed() -> str:
    return Path(PRINTED).read_text()


@pytest.fixture(scope="module")
def recipe(printed) -> RecipeFile:
    return RecipeFile.model_validate(tomllib.loads(printed.partition("for a recipe:")[2].partition("\n\nvLLM")[0]))


def test_this_vllm_knows_every_flag_of_ours(printed):
    assert "does not know" not in printed


def test_the_printed_recipe_opens_a_teacher(recipe):
    async def go():
        async with open_roles(recipe) as roles:
            return [teacher.provenance for teacher in roles.teachers]

    (provenance,) = asyncio.run(go())
    assert provenance.model == "smollm2-135m-instruct"


def test_a_structured_question_is_answered_without_a_blank_between_fields(recipe):
    (endpoint,) = recipe.endpoints.values()

    async def go():
        client = open_transport(endpoint, read_settings().teacher_api_key)
        try:
            return await client.complete(
                CompletionRequest(
                    messages=({"role": "user", "content": "Reflect on this: the ferry left at seven."},),
                    model=endpoint.model,
                    seed=11,
                    temperature=0.7,
                    max_tokens=300,
                    json_schema=REFLECTION_SCHEMA,
                )
            )
        finally:
            await client.close()

    completion = asyncio.run(go())
    assert completion.finish_reason == "stop"
    said = json.loads(completion.text)
    assert said.keys() == REFLECTION_SCHEMA["properties"].keys()
    assert completion.text == json.dumps(said, separators=(",", ":"), ensure_ascii=False)


def test_the_server_is_as_long_as_was_said_and_counts_what_it_does():
    async def go():
        key = read_settings().teacher_api_key
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.get(f"{URL}/models") as answer:
                (model,) = (await answer.json())["data"]
            async with session.get(URL.removesuffix("/v1") + "/metrics") as answer:
                return model, await answer.text()

    model, metrics = asyncio.run(go())
    assert model["max_model_len"] == 2048
    assert "vllm:num_requests_waiting" in metrics
