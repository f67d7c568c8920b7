"""A world's model behind an OpenAI-compatible server as a generator, through its route for plain completions.

Prompts are written out as the model was trained on them, so that no chat template of the server's comes in between, and
an answer can be begun for the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from reflectgen.errors import TeacherUnavailable
from reflectgen.evals.medsafetyworld.generator import GenerateOptions, Prompt
from reflectgen.evals.medsafetyworld.tokenizer import world_tokenizer
from reflectgen.evals.medsafetyworld.training_data import prompt_text
from reflectgen.llm.aiohttp_wire import AiohttpWire
from reflectgen.llm.body import Body
from reflectgen.llm.server import Server
from reflectgen.reflection.form import FormOptions

PROMPTS_PER_CALL = 64
TIMEOUT_SECONDS = 300.0


class _Choice(BaseModel):
    index: int
    text: str


class _Completions(BaseModel):
    choices: list[_Choice]


class EndpointGenerator:
    """Asks a server, call by call; `model` is the name that it serves the model under, its only one unless told.

    Raises:
        TeacherError: the address is none, or the key cannot be sent.
    """

    def __init__(self, url: str, form: FormOptions, model: str | None = None, api_key: SecretStr | None = None) -> None:
        self._url, self._api_key, self._model = url, api_key, model
        self._tokenizer = world_tokenizer(form)

    def generate(self, prompts: Sequence[Prompt], options: GenerateOptions) -> list[list[str]]:
        """See `Generator`.

        Raises:
            TeacherError: the server cannot be asked, or its answer is none.
        """
        return asyncio.run(self._generate(prompts, options))

    async def _generate(self, prompts: Sequence[Prompt], options: GenerateOptions) -> list[list[str]]:
        server = Server(self._url, self._api_key, AiohttpWire, timeout_seconds=TIMEOUT_SECONDS, concurrency=1)
        try:
            model = self._model or (await server.served_models())[0]
            texts: list[list[str]] = []
            for start in range(0, len(prompts), PROMPTS_PER_CALL):
                texts += await self._ask(server, model, prompts[start : start + PROMPTS_PER_CALL], options)
            return texts
        finally:
            await server.close()

    async def _ask(
        self, server: Server, model: str, prompts: Sequence[Prompt], options: GenerateOptions
    ) -> list[list[str]]:
        where = f"{server.root}/completions"
        answer = await server.ask("POST", where, Body.of(self._fields(model, prompts, options)))
        if answer.status != 200:
            server.refusals.raise_for(answer)
        try:
            choices = _Completions.model_validate_json(answer.body).choices
        except ValidationError:
            raise TeacherUnavailable(f"{where} answered with something that is no completion") from None
        texts = {choice.index: choice.text for choice in choices}
        if sorted(texts) != list(range(len(prompts) * options.num_samples)):
            raise TeacherUnavailable(f"{where} answered {len(choices)} texts to {len(prompts)} prompts")
        n = options.num_samples
        return [[texts[number * n + sample] for sample in range(n)] for number in range(len(prompts))]

    def _fields(self, model: str, prompts: Sequence[Prompt], options: GenerateOptions) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "model": model,
            "prompt": [prompt_text(prompt.question, prompt.prefill) for prompt in prompts],
            "max_tokens": options.max_new_tokens,
            "temperature": options.temperature,
            "n": options.num_samples,
            "seed": options.seed,
            "skip_special_tokens": False,  # markers are special tokens, and what is looked for
        }
        if options.banned:
            fields["logit_bias"] = {str(self._tokenizer.token_to_id(piece)): -100 for piece in options.banned}
        return fields
