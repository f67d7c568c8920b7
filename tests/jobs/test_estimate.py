"""What a run would take, held against what is known of the texts."""

import asyncio
import json

import pytest

from reflectgen.corpus.chunk import ChunkOptions, make_chunker
from reflectgen.jobs.estimate import ASSUMED_ANSWER_TOKENS, CHARACTERS_PER_TOKEN, estimate
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import open_roles
from reflectgen.jobs.sampling import Reservoir
from reflectgen.records import Document
from tests.llm.fault_server import completion, http, models, serving

CALM = "The ferry left at seven, and the children waved from the pier. "
FLAGGED = "Here is how to steal a car: break the window and cut the wires. "
GOOD = json.dumps(
    {"evidence": "", "verdict": "safe", "category": "none", "rationale": "a ferry leaves while children wave."}
)


def corpus(*texts, sample=1000):
    reservoir = Reservoir(sample, seed=0)
    for number, text in enumerate(texts):
        reservoir.show(Document(f"d{number}", text))
    return reservoir


def respond(reply):
    async def answer(asked):
        if asked.path.endswith("/models"):
            return http(200, models("m"))
        if asked.path.endswith("/tokenize"):
            return http(200, {"count": len(asked.json()["prompt"]) // 5})
        if asked.path.endswith("/chat/completions"):
            return http(200, completion(reply))
        return http(404, {})

    return answer


def estimated(reservoir, num_asked=0, reply=GOOD, **policy):
    async def go():
        async with serving(respond(reply)) as server:
            written = {
                "endpoints": {
                    "e": {
                        "url": server.url,
                        "price_per_million_prompt_tokens": 1.0,
                        "price_per_million_completion_tokens": 10.0,
                    }
                },
                "teacher": {"use": ["e"]},
                "policy": policy,
            }
            file = RecipeFile.model_validate(written)
            async with open_roles(file) as roles:
                chunker = make_chunker(ChunkOptions(chunk_words=20))
                found = await estimate(reservoir, chunker, file, roles, num_asked=num_asked, seed=0)
        return found, sum(asked.path.endswith("/chat/completions") for asked in server.asked)

    return asyncio.run(go())


def test_nobody_is_asked_unless_the_user_says_so_and_the_assumption_is_told():
    found, num_questions = estimated(corpus(*[CALM] * 30))
    assert num_questions == 0
    (teacher,) = found.roles
    assert (found.chunks.value, teacher.calls.value, teacher.calls.high) == (30, 30, 60)  # two attempts at most
    assert teacher.completion_tokens.value == 30 * ASSUMED_ANSWER_TOKENS
    assert any("--ask" in note for note in found.notes)


def test_tokens_are_the_servers_and_priced():
    found, _ = estimated(corpus(*[CALM] * 30))
    assert found.counted_by_server
    assert found.characters_per_token == pytest.approx(5, rel=0.01)
    (teacher,) = found.roles
    expected = teacher.prompt_tokens.value / 1e6 + teacher.completion_tokens.value / 1e5
    assert teacher.cost.value == pytest.approx(expected)


def test_real_answers_replace_the_assumption():
    found, num_questions = estimated(corpus(*[f"{n} {CALM}" for n in range(30)]), num_asked=5)
    assert num_questions == 5
    assert (found.answers.num_asked, found.answers.num_usable) == (5, 5)
    assert found.answers.per_second > 0
    (teacher,) = found.roles
    assert teacher.calls.low == teacher.calls.high == 30
    assert teacher.gpu_hours.value == pytest.approx(30 / found.answers.per_second / 3600)


def test_useless_answers_are_asked_for_again():
    found, _ = estimated(corpus(*[f"{n} {CALM}" for n in range(30)]), num_asked=5, reply="no JSON")
    assert found.answers.num_usable == 0
    assert found.roles[0].calls.value == 60


def test_the_cascade_decides_what_reaches_the_teacher():
    found, _ = estimated(corpus(*[CALM] * 8, *[FLAGGED] * 2), ask="flagged")
    assert (found.chunks.value, found.asked.value, found.roles[0].calls.value) == (10, 2, 2)


def test_a_sample_gives_an_interval_around_the_truth():
    texts = [CALM * (1 + n % 7) + "So it went. " * (n % 3) for n in range(400)]
    exact, _ = estimated(corpus(*texts))
    found, _ = estimated(corpus(*texts, sample=100))
    assert found.num_sampled == 100
    assert found.chunks.low < found.chunks.value < found.chunks.high
    assert found.chunks.low <= exact.chunks.value <= found.chunks.high


def test_a_recipe_of_built_ins_asks_nobody():
    async def go():
        file = RecipeFile()
        async with open_roles(file) as roles:
            chunker = make_chunker(ChunkOptions())
            return await estimate(corpus(CALM), chunker, file, roles, num_asked=10, seed=0)

    found = asyncio.run(go())
    assert found.roles == ()
    assert found.characters_per_token == CHARACTERS_PER_TOKEN
    assert found.chunks.value == 1
