"""A chat model that is a vLLM engine inside this process, so that a shard is reflected on without HTTP.

It is vLLM's `AsyncLLM`, the engine under its server, and not its `LLM`: a question joins the batch when it comes and
leaves it when it is answered, where `LLM.chat` would keep every answer of a list until the slowest of them is there.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, Field, JsonValue

from reflectgen.errors import RequestRejected, TeacherError, TeacherUnavailable
from reflectgen.llm.answers import one_line
from reflectgen.llm.completion import Completion, CompletionRequest
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.llm.vllm_requests import completion_of, prompt_of, sampling_of

# Taken unless the user's environment says otherwise, before vLLM is first imported. A fork of this process would take
# open databases and running threads along; standard output belongs to the command.
ENVIRONMENT = {
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
}


class EngineOptions(BaseModel, extra="forbid", frozen=True):
    """Which model, on how much. `arguments` are those of vLLM's `AsyncEngineArgs`, and win over ours."""

    model: str = Field(min_length=1)  # a Hugging Face name, or the folder of a checkpoint
    num_gpus: int = Field(default=1, ge=1)  # that one copy is spread over; for more copies, more processes
    max_model_len: int = Field(default=4096, ge=256)  # tokens, of prompt and answer together
    timeout_seconds: float = Field(default=120.0, gt=0)  # of one question, once the model is loaded
    arguments: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the model is called in provenance: a folder's name, without this machine's paths."""
        folder = Path(self.model)
        return folder.resolve().name if folder.is_dir() else self.model


class Backend(Protocol):
    """What a loaded model does. vLLM's is `AsyncBackend`; a test has its own."""

    async def complete(self, request: CompletionRequest) -> Completion:
        """Answer `request`.

        Raises:
            EngineDiedError: it will answer nothing any more.
            RequestRejected, TeacherUnavailable: as in `reflectgen.errors`.
        """
        ...

    def shutdown(self) -> None: ...


class EngineDiedError(TeacherUnavailable):
    """The engine's own process has ended, or cannot go on."""


class VllmEngine:
    """Loads a model at the first question, and again after its engine has died.

    `close` ends the engine when as many have closed it as `open_engine` gave it to.
    """

    def __init__(self, options: EngineOptions, load: Callable[[EngineOptions], Backend] | None = None) -> None:
        self.num_users = 1
        self._options = options
        self._load = load or AsyncBackend
        self._loading = asyncio.Lock()
        self._backend: Backend | None = None
        self._was_loaded = False

    def __repr__(self) -> str:
        return f"VllmEngine({self.model!r})"

    @property
    def endpoint(self) -> str:
        return f"in-process:{self.model}"

    @property
    def model(self) -> str:
        """The name to ask for, and to write into provenance."""
        return self._options.name

    async def complete(self, request: CompletionRequest) -> Completion:
        """Answer `request`, in the same batch as all others that are under way; `request.model` is not looked at.

        Raises:
            RequestRejected: this one will not be answered: it is too long, or the model's template does not take it.
            TeacherUnavailable: the engine died, and will be loaded again by the next question; or no answer in time.
            TeacherError: the model cannot be loaded.
        """
        backend = await self._loaded()
        try:
            async with asyncio.timeout(self._options.timeout_seconds):
                return await backend.complete(request)
        except TimeoutError:
            raise TeacherUnavailable(f"no answer from {self.endpoint} in {self._options.timeout_seconds:g} s") from None
        except EngineDiedError:
            self._drop(backend)
            raise

    async def close(self) -> None:
        self.num_users -= 1
        if self.num_users <= 0:
            _engines.pop(_key(self._options), None)
            if self._backend is not None:
                self._drop(self._backend)

    async def _loaded(self) -> Backend:
        async with self._loading:
            if self._backend is None:
                # On this loop and not in a thread: the engine belongs to the loop that it is made on.
                try:
                    self._backend = self._load(self._options)
                except TeacherError:
                    raise
                except Exception as error:
                    kind = TeacherUnavailable if self._was_loaded else TeacherError
                    raise kind(f"vLLM cannot load {self.model}: {one_line(str(error))}; its log says more") from error
                self._was_loaded = True
            return self._backend

    def _drop(self, backend: Backend) -> None:
        if self._backend is backend:  # else another question has dropped it already
            self._backend = None
            backend.shutdown()


class AsyncBackend:
    """vLLM's `AsyncLLM` with one model loaded; its computing goes on in a process of its own.

    Raises:
        TeacherError: vLLM cannot be imported.
    """

    def __init__(self, options: EngineOptions) -> None:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            import vllm.exceptions
            from vllm import SamplingParams
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams
            from vllm.usage.usage_lib import UsageContext
            from vllm.v1.engine.async_llm import AsyncLLM
            from vllm.v1.engine.exceptions import EngineDeadError
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "vllm":
                raise
            raise TeacherError(
                "the transport 'vllm' needs vLLM in this environment: pip install 'reflectgen[vllm]'"
            ) from error
        self._model = options.name
        self._sampling_params, self._structured = SamplingParams, StructuredOutputsParams
        self._final_only = RequestOutputKind.FINAL_ONLY
        self._died = EngineDeadError
        # vLLM raised ValueError for a request that it does not take before it had a class for it.
        self._refused = (ValueError, getattr(vllm.exceptions, "VLLMClientError", ValueError))
        arguments = AsyncEngineArgs(**(engine_arguments(options) | options.arguments))
        # What vLLM takes as an engine's defaults where nobody waits for the single answer.
        self._engine = AsyncLLM.from_engine_args(arguments, usage_context=UsageContext.LLM_CLASS)
        self._numbers = itertools.count()
        self._tokenizer: Any = None
        # One thread: reading a prompt must not hold up the loop, and a tokenizer is not for two at once.
        self._reader = ThreadPoolExecutor(1, "prompts")

    async def complete(self, request: CompletionRequest) -> Completion:
        sampling = sampling_of(request)
        if request.json_schema is not None:
            sampling["structured_outputs"] = self._structured(json=dict(request.json_schema))
        tokenizer = await self._get_tokenizer()
        prompt = await asyncio.get_running_loop().run_in_executor(self._reader, prompt_of, request, tokenizer)
        try:
            params = self._sampling_params(**sampling, output_kind=self._final_only)
            answers = self._engine.generate(prompt, params, f"reflectgen-{next(self._numbers)}")
            *_, output = [answer async for answer in answers]
        except self._died as error:
            raise EngineDiedError(f"the engine of {self._model} died; its log says why") from error
        except self._refused as error:
            raise RequestRejected(f"the engine of {self._model} refused: {one_line(str(error))}") from error
        except Exception as error:  # of any kind: this request failed, the engine goes on
            if isinstance(error.__cause__, self._refused):
                raise RequestRejected(
                    f"the engine of {self._model} refused: {one_line(str(error.__cause__))}"
                ) from error
            raise TeacherUnavailable(f"the engine of {self._model} failed: {one_line(repr(error))}") from error
        return completion_of(output, request, self._model)

    def shutdown(self) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._engine.shutdown()
        del self._engine  # it shuts itself down again when it goes, which while Python exits fails aloud

    async def _get_tokenizer(self) -> Any:
        if self._tokenizer is None:
            found = self._engine.get_tokenizer()
            self._tokenizer = await found if inspect.isawaitable(found) else found  # older ones were asked and awaited
        return self._tokenizer


def engine_arguments(options: EngineOptions) -> dict[str, Any]:
    """Return the arguments of vLLM's `AsyncEngineArgs` that we choose, for the reasons given in `vllm_flags`."""
    return {
        "model": options.model,
        "tensor_parallel_size": options.num_gpus,
        "max_model_len": options.max_model_len,
        "enable_prefix_caching": True,
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        "generation_config": "vllm",
        "disable_log_stats": True,
        "enable_log_requests": False,
    }


_engines: dict[str, VllmEngine] = {}  # a GPU holds a model once, whichever roles ask it


def open_engine(options: EndpointOptions) -> VllmEngine:
    """Return the engine of the model that `options` names; nothing is loaded yet. Who names it again gets the same one.

    Raises:
        TeacherError: no model is named.
    """
    if not options.model:
        raise TeacherError("an endpoint with the transport 'vllm' needs a model: a folder, or a Hugging Face name")
    chosen = EngineOptions(model=options.model, num_gpus=options.num_gpus, timeout_seconds=options.timeout_seconds)
    engine = _engines.get(_key(chosen))
    if engine is None:
        engine = _engines[_key(chosen)] = VllmEngine(chosen)
    else:
        engine.num_users += 1
    return engine


def _key(options: EngineOptions) -> str:
    return options.model_dump_json()
