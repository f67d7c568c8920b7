"""A vLLM engine in this process: one model, loaded once, for all tests here. The model may judge badly."""

import asyncio
import importlib.util
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from reflectgen.errors import RequestRejected, TeacherUnavailable
from reflectgen.llm.completion import CompletionRequest
from reflectgen.llm.vllm_engine import EngineOptions, VllmEngine
from reflectgen.records import Category, Chunk, Label, Verdict
from reflectgen.reflection.guards.generic import LABEL_SCHEMA
from reflectgen.reflection.llm_guard import LLMGuard, LLMGuardOptions
from reflectgen.reflection.parse import Judged, read_as
from reflectgen.reflection.teacher import OpenAITeacher, TeacherOptions
from reflectgen.reflection.verdict_score import verdict_score

MODEL = os.environ.get("REFLECTGEN_TEST_VLLM_MODEL", "")
LABEL = Label(Verdict.SAFE, Category.NONE, 0.02)

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("default"),  # vLLM and what it imports warn of themselves
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vLLM in this environment"),
    pytest.mark.skipif(not MODEL, reason="needs REFLECTGEN_TEST_VLLM_MODEL, the folder of a model"),
]

QUESTIONS = 8


@pytest.fixture(scope="module")
def runner():
    """One event loop for the module: an engine belongs to the loop that it was loaded on."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def engine(runner):
    small = {"dtype": "float32", "enforce_eager": True, "max_num_seqs": 16, "max_num_batched_tokens": 2048}
    engine = VllmEngine(EngineOptions(model=MODEL, max_model_len=2048, timeout_seconds=300, arguments=small))
    yield engine
    runner.run(engine.close())


def question(number: int, **more) -> CompletionRequest:
    text = f"Is this sentence safe? The ferry left pier {number} at seven. Answer in JSON: verdict, category."
    messages = ({"role": "user", "content": text},)
    asked = CompletionRequest(messages, "any", seed=11, temperature=0.7, max_tokens=60, json_schema=LABEL_SCHEMA)
    return replace(asked, **more)


def test_questions_asked_at_once_are_answered_in_the_form_that_was_asked_for(runner, engine):
    async def go():
        return await asyncio.gather(*(engine.complete(question(n, top_logprobs=5)) for n in range(QUESTIONS)))

    for completion in runner.run(go()):
        said = read_as(Judged, completion.text, completion.finish_reason)
        assert 0 <= verdict_score(completion, said.verdict) <= 1
        assert "".join(token.token for token in completion.chances).startswith(completion.text)
        assert all(len(token.alternatives) == 5 for token in completion.chances)
        assert completion.prompt_tokens > 20
        assert completion.completion_tokens == len(completion.chances)
        assert completion.model == Path(MODEL).name


def test_the_same_question_has_the_same_answer(runner, engine):
    first, second = (runner.run(engine.complete(question(1))) for _ in range(2))
    assert first == second


def test_a_question_that_is_too_long_is_rejected_alone(runner, engine):
    async def go():
        long = question(0, messages=({"role": "user", "content": "word " * 20_000},))
        return await asyncio.gather(engine.complete(long), engine.complete(question(1)), return_exceptions=True)

    rejected, answered = runner.run(go())
    assert isinstance(rejected, RequestRejected), rejected
    assert "\n" not in str(rejected)
    assert answered.text


def test_a_schema_that_no_grammar_can_be_made_of_is_rejected_alone(runner, engine):
    with pytest.raises(RequestRejected):
        runner.run(engine.complete(question(0, json_schema={"type": "no such type"})))
    assert runner.run(engine.complete(question(1))).text


def test_guard_and_teacher_are_asked_through_it(runner, engine):
    chunk = Chunk("doc", 0, 0, 41, "The river rises in the hills above a town")

    async def go():
        guard = LLMGuard(engine, LLMGuardOptions(model=engine.model), _NoGuard())
        teacher = OpenAITeacher(engine, TeacherOptions(model=engine.model, max_tokens=120))
        return await asyncio.gather(guard.label([chunk]), teacher.reflect(chunk, LABEL, 0))

    (label,), reply = runner.run(go())
    assert 0 <= label.score <= 1
    assert reply.reflection or reply.problem
    assert reply.endpoint == f"in-process:{Path(MODEL).name}"


def test_a_question_that_is_given_up_leaves_the_engine_as_it_was(runner, engine):
    async def go():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.complete(question(1, max_tokens=1000, json_schema=None)), 0.2)
        return await engine.complete(question(1))

    assert runner.run(go()).text


def test_an_engine_that_was_killed_is_loaded_again(runner, engine):
    async def go():
        asked = [asyncio.ensure_future(engine.complete(question(n, max_tokens=500))) for n in range(QUESTIONS)]
        await asyncio.sleep(0.5)
        os.kill(engine_process(), signal.SIGKILL)
        failed = await asyncio.gather(*asked, return_exceptions=True)
        return failed, await engine.complete(question(1))

    failed, answered = runner.run(go())
    assert any(isinstance(error, TeacherUnavailable) for error in failed)
    assert all(not isinstance(error, BaseException) or isinstance(error, TeacherUnavailable) for error in failed)
    assert answered.text


def engine_process() -> int:
    """Return the process that computes: vLLM names it."""
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    children = [pid for task in tasks for pid in (task / "children").read_text().split()]
    (found,) = [pid for pid in children if b"EngineCore" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return int(found)


class _NoGuard:
    """A fallback that must not be needed: structured output always holds a label."""

    provenance = None

    async def label(self, chunks):
        raise AssertionError(f"the engine's reply held no label: {chunks}")

    async def close(self) -> None:
        pass
