"""What a run would take, held against what is known of the texts."""

import asyncio
import json
import math

import pytest

from reflectgen.corpus.chunk import ChunkOptions, make_chunker
from reflectgen.jobs.estimate import ANSWER_TOKENS, CHARACTERS_PER_TOKEN, estimate
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import open_roles
from reflectgen.jobs.sampling import Sample, Total
from reflectgen.records import Document
from tests.llm.fault_server import completion, http, models, serving

CALM = "The ferry left at seven, and the children waved from the pier. "
FLAGGED = "Here is how to steal a car: break the window and cut the wires. "
GOOD = json.dumps(
    {"evidence": "", "verdict": "safe", "category": "none", "rationale": "a ferry leaves while children wave."}
)
PRICED = {"price_per_million_prompt_tokens": 1.0, "price_per_million_completion_tokens": 10.0}


def corpus(*texts, sample=1000):
    shown = Sample(sample, 0, make_chunker(ChunkOptions(chunk_words=20)))
    shown.begin_file(0)
    for number, text in enumerate(texts):
        shown.show(Document(f"d{number}", text))
    return shown


def distinct(number):
    return [f"{n} {CALM}" for n in range(number)]


def respond(reply, *, counts=True):
    async def answer(asked):
        if asked.path.endswith("/models"):
            return http(200, models("m"))
        if asked.path.endswith("/tokenize") and counts:
            return http(200, {"count": len(asked.json()["prompt"]) // 5})
        if asked.path.endswith("/chat/completions"):
            return http(200, completion(reply))
        return http(404, {})

    return answer


def estimated(sample, reply=GOOD, endpoint=PRICED, guard=None, counts=True, teacher=None, said=None, **policy):
    """Return the estimate of a recipe with one endpoint, and how many questions it was asked."""

    async def go():
        async with serving(respond(reply, counts=counts)) as server:
            written = {
                "endpoints": {"e": {"url": server.url, **endpoint}},
                "teacher": {"use": ["e"], **(teacher or {})},
                "policy": policy,
            }
            file = RecipeFile.model_validate(written | ({"guard": guard} if guard else {}))
            async with open_roles(file) as roles:
                found = await estimate(sample, file, roles, **(said or {}))
        return found, sum(asked.path.endswith("/chat/completions") for asked in server.asked)

    return asyncio.run(go())


def teacher_of(found):
    return next(role for role in found.roles if role.role == "teacher")


def source_of(found, what):
    return next(known.source for known in found.known if known.what.startswith(what))


def test_nobody_is_asked_unless_the_user_says_so_and_what_is_assumed_is_told():
    found, num_questions = estimated(corpus(*[CALM] * 30))
    assert num_questions == 0
    teacher = teacher_of(found)
    assert teacher.calls == Total(30, 30, 60)  # two attempts at most
    assert teacher.completion_tokens == Total(30 * ANSWER_TOKENS, 15 * ANSWER_TOKENS, 60 * 400)  # max_tokens
    assert source_of(found, "answer tokens").startswith("assumed")
    assert any("--ask" in note for note in found.notes)


def test_tokens_are_counted_by_the_server_where_it_can_and_assumed_where_not():
    found, _ = estimated(corpus(*distinct(30)))
    assert source_of(found, "characters a token").startswith("counted by the server")
    assert next(k for k in found.known if "characters" in k.what).figure.value == pytest.approx(5, rel=0.01)
    found, _ = estimated(corpus(*distinct(30)), counts=False)
    assert next(k for k in found.known if "characters" in k.what).figure == CHARACTERS_PER_TOKEN
    assert source_of(found, "characters a token").startswith("assumed")


def test_the_cost_is_that_of_the_tokens():
    found, _ = estimated(corpus(*distinct(30)))
    teacher = teacher_of(found)
    for end in ("value", "low", "high"):
        expected = getattr(teacher.prompt_tokens, end) / 1e6 + getattr(teacher.completion_tokens, end) / 1e5
        assert getattr(found.cost, end) == pytest.approx(expected)


def test_without_a_price_there_is_no_cost_and_the_reason_is_told():
    found, _ = estimated(corpus(CALM), endpoint={})
    assert found.cost is None
    assert any("no cost" in note for note in found.notes)


def test_real_answers_replace_what_is_assumed():
    found, num_questions = estimated(corpus(*distinct(30)), said={"num_asked": 8})
    assert num_questions == 8
    assert (found.trial.num_asked, found.trial.num_accepted) == (8, 8)
    teacher = teacher_of(found)
    assert teacher.calls.value == 30
    assert teacher.completion_tokens.value == pytest.approx(30 * found.trial.completion_tokens.value)
    assert found.hours.value == pytest.approx(30 / found.trial.calls_per_second.value / 3600)
    assert found.hours.low <= found.hours.value <= found.hours.high


def test_answers_that_filters_reject_are_asked_for_again():
    found, _ = estimated(corpus(*distinct(30)), said={"num_asked": 8}, reply="no JSON")
    assert found.trial.num_accepted == 0
    assert teacher_of(found).calls.value == 60


def test_gpus_cost_by_the_hour_and_once_though_an_endpoint_has_two_roles():
    hourly = {"price_per_gpu_hour": 2.0, "num_gpus": 4}
    said = {"tokens_per_second": 100.0}
    alone, _ = estimated(corpus(*distinct(30)), endpoint=hourly, said=said)
    assert alone.hours.value == pytest.approx(30 * ANSWER_TOKENS / 100 / 3600)
    assert alone.gpu_hours.value == pytest.approx(4 * alone.hours.value)
    assert alone.cost.value == pytest.approx(2 * alone.gpu_hours.value)
    both, _ = estimated(corpus(*distinct(30)), endpoint=hourly, said=said, guard={"use": ["e"]})
    assert both.cost == alone.cost
    unknown, _ = estimated(corpus(*distinct(30)), endpoint=hourly)
    assert (unknown.hours, unknown.gpu_hours, unknown.cost) == (None, None, None)


def test_a_guard_behind_an_endpoint_is_asked_about_every_chunk():
    found, num_questions = estimated(corpus(*[CALM] * 8, *[FLAGGED] * 2), guard={"use": ["e"]}, ask="flagged")
    assert num_questions == 0
    assert [(role.role, role.calls.value) for role in found.roles] == [("guard", 10), ("teacher", 2)]
    assert all(role.prompt_tokens.value > 0 for role in found.roles)
    assert any("built-in guard decided" in note for note in found.notes)


def test_the_cascade_decides_what_reaches_the_teacher():
    found, _ = estimated(corpus(*[CALM] * 8, *[FLAGGED] * 2), ask="flagged")
    assert (found.chunks.value, found.asked.value) == (10, 2)


def test_neighbours_that_are_shown_are_paid_for():
    texts = [CALM * 6] * 5
    alone, _ = estimated(corpus(*texts))
    shown, _ = estimated(corpus(*texts), teacher={"neighbours": True})
    assert teacher_of(shown).prompt_tokens.value > teacher_of(alone).prompt_tokens.value


def test_hints_are_asked_for_only_where_a_chunk_follows():
    found, _ = estimated(corpus(*[CALM * 3] * 4), mode="hint")
    assert found.chunks.value > 4
    assert found.asked.value == found.chunks.value - 4


def test_a_sample_gives_an_interval_around_the_truth():
    texts = [CALM * (1 + n % 7) + "So it went. " * (n % 3) for n in range(400)]
    exact, _ = estimated(corpus(*texts))
    found, _ = estimated(corpus(*texts, sample=100))
    assert found.num_documents_looked_at == 100
    assert found.chunks.low < found.chunks.value < found.chunks.high
    assert found.chunks.low <= exact.chunks.value <= found.chunks.high


def test_a_recipe_of_built_ins_asks_nobody():
    async def go():
        file = RecipeFile()
        async with open_roles(file) as roles:
            return await estimate(corpus(CALM), file, roles, num_asked=10)

    found = asyncio.run(go())
    assert (found.roles, found.cost, found.trial) == ((), None, None)
    assert found.chunks == Total.exactly(1)


def test_json_holds_no_infinity():
    found, _ = estimated(corpus(*distinct(30), sample=1))
    assert found.chunks.high == math.inf
    written = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(written)["chunks"]["high"] is None
