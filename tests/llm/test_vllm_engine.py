"""The engine's life, with a backend that follows a script; vLLM's own is in tests/vllm."""

import asyncio
import importlib.util

import pytest

from reflectgen.errors import RequestRejected, TeacherError, TeacherUnavailable
from reflectgen.llm.completion import Completion, CompletionRequest
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.llm.scripted import ScriptedModel
from reflectgen.llm.vllm_engine import EngineDiedError, EngineOptions, VllmEngine, open_engine

REQUEST = CompletionRequest(({"role": "user", "content": "?"},), "any", seed=0, temperature=0, max_tokens=5)


class Loads:
    """Loads backends that answer with the lines of a script, or raises one of its exceptions; keeps what it loaded."""

    def __init__(self, *scripts) -> None:
        self._scripts = iter(scripts)
        self.backends = []

    def __call__(self, options):
        script = next(self._scripts)
        if isinstance(script, Exception):
            raise script
        self.backends.append(Backend(script))
        return self.backends[-1]

    @property
    def num_running(self) -> int:
        return sum(backend.is_running for backend in self.backends)


class Backend(ScriptedModel):
    is_running = True

    def shutdown(self) -> None:
        assert self.is_running, "shut down twice"
        self.is_running = False


def options(**more) -> EngineOptions:
    return EngineOptions(model="org/model", **more)


def test_a_model_is_loaded_once_for_all_questions_and_ended_with_the_last_user():
    async def go():
        load = Loads(["a"] * 8)
        engine = VllmEngine(options(), load)
        assert load.backends == []
        answers = await asyncio.gather(*(engine.complete(REQUEST) for _ in range(8)))
        assert [answer.text for answer in answers] == ["a"] * 8
        assert load.num_running == 1
        await engine.close()
        assert load.num_running == 0

    asyncio.run(go())


def test_a_died_engine_is_loaded_again_by_the_next_question():
    async def go():
        load = Loads([EngineDiedError("gone"), EngineDiedError("gone")], ["back"])
        engine = VllmEngine(options(), load)
        failed = await asyncio.gather(*(engine.complete(REQUEST) for _ in range(2)), return_exceptions=True)
        assert all(isinstance(error, TeacherUnavailable) for error in failed)
        assert (await engine.complete(REQUEST)).text == "back"
        assert load.num_running == 1

    asyncio.run(go())


def test_a_rejected_question_costs_no_other_and_not_the_engine():
    async def go():
        load = Loads([RequestRejected("too long"), Completion("fine")])
        engine = VllmEngine(options(), load)
        rejected, answered = await asyncio.gather(
            engine.complete(REQUEST), engine.complete(REQUEST), return_exceptions=True
        )
        assert isinstance(rejected, RequestRejected)
        assert answered.text == "fine"
        assert load.num_running == 1

    asyncio.run(go())


def test_a_model_that_cannot_be_loaded_ends_the_run_and_one_that_could_once_may_come_back():
    async def go():
        never = VllmEngine(options(), Loads(RuntimeError("no such\nmodel")))
        with pytest.raises(TeacherError, match="cannot load org/model: no such model") as raised:
            await never.complete(REQUEST)
        assert not isinstance(raised.value, TeacherUnavailable)

        again = VllmEngine(options(), Loads([EngineDiedError("gone")], RuntimeError("no memory yet"), ["back"]))
        for _ in range(2):
            with pytest.raises(TeacherUnavailable):
                await again.complete(REQUEST)
        assert (await again.complete(REQUEST)).text == "back"

    asyncio.run(go())


class Silent:
    async def complete(self, request):
        await asyncio.Event().wait()

    def shutdown(self) -> None:
        pass


def test_an_engine_that_does_not_answer_in_time_may_be_asked_again():
    async def go():
        engine = VllmEngine(options(timeout_seconds=0.01), lambda options: Silent())
        with pytest.raises(TeacherUnavailable, match="no answer from in-process:org/model in"):
            await engine.complete(REQUEST)

    asyncio.run(go())


def test_roles_that_name_one_model_share_its_engine():
    async def go():
        named = EndpointOptions(model="org/model", transport="vllm")
        guard, teacher = open_engine(named), open_engine(named)
        assert guard is teacher
        assert open_engine(EndpointOptions(model="org/other", transport="vllm")) is not guard
        await guard.close()
        assert open_engine(named) is teacher
        await teacher.close()
        await teacher.close()
        assert open_engine(named) is not teacher

    asyncio.run(go())


def test_an_endpoint_without_a_model_is_refused():
    with pytest.raises(TeacherError, match="needs a model"):
        open_engine(EndpointOptions(transport="vllm"))


def test_a_folders_name_stands_in_provenance_and_not_its_path(tmp_path):
    folder = tmp_path / "checkpoint-10"
    folder.mkdir()
    engine = VllmEngine(EngineOptions(model=str(folder)))
    assert engine.model == "checkpoint-10"
    assert engine.endpoint == "in-process:checkpoint-10"


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is here")
def test_without_vllm_one_line_says_what_to_install():
    with pytest.raises(TeacherError, match=r"pip install 'reflectgen\[vllm\]'"):
        asyncio.run(VllmEngine(options()).complete(REQUEST))
