"""From what the user said of guard and teacher to the two that work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from reflectgen.llm.outage import PatientModel
from reflectgen.reflection.builtin_guard import BuiltinGuard
from reflectgen.reflection.builtin_teacher import BuiltinTeacher
from reflectgen.reflection.llm_guard import LLMGuard, LLMGuardOptions
from reflectgen.reflection.roles import Guard, Teacher
from reflectgen.reflection.teacher import OpenAITeacher, TeacherOptions
from reflectgen.settings import read_settings


@dataclass(frozen=True, slots=True)
class Models:
    """What the command line says of guard and teacher; without an address the built-in one is meant."""

    mode: Literal["contextual", "template"] = "contextual"
    teacher_url: str | None = None
    teacher_model: str | None = None
    temperature: float = 0.7
    seed: int = 0
    guard_url: str | None = None
    guard_model: str | None = None
    concurrency: int = 64
    timeout_seconds: float = 120.0
    outage_patience_seconds: float = 600.0


@dataclass(slots=True)
class Opened:
    guard: Guard
    teacher: Teacher | None
    endpoints: list[PatientModel] = field(default_factory=list)

    def paused_seconds(self) -> float | None:
        """How long an endpoint has been away; None while all answer."""
        return max((s for e in self.endpoints if (s := e.status.paused_seconds) is not None), default=None)


@asynccontextmanager
async def open_models(models: Models) -> AsyncIterator[Opened]:
    """Open guard and teacher; a server is asked for its model's name where none was given.

    Raises:
        TeacherError: an address cannot be used, or serves several models and none was named.
    """
    settings = read_settings()
    opened = Opened(BuiltinGuard(), None)
    try:
        if models.guard_url:
            model, name = await _connect(models, models.guard_url, models.guard_model, settings.guard_api_key)
            opened.endpoints.append(model)
            opened.guard = LLMGuard(model, LLMGuardOptions(model=name, seed=models.seed), opened.guard)
        if models.mode == "contextual" and models.teacher_url:
            model, name = await _connect(models, models.teacher_url, models.teacher_model, settings.teacher_api_key)
            opened.endpoints.append(model)
            options = TeacherOptions(model=name, temperature=models.temperature, seed=models.seed)
            opened.teacher = OpenAITeacher(model, options)
        elif models.mode == "contextual":
            opened.teacher = BuiltinTeacher()
        yield opened
    finally:
        for endpoint in opened.endpoints:
            await endpoint.close()


async def _connect(models: Models, url: str, name: str | None, key: SecretStr | None) -> tuple[PatientModel, str]:
    from reflectgen.llm.endpoint import EndpointOptions, open_client, with_patience  # the HTTP client is slow to import
    from reflectgen.llm.served import only_model

    options = EndpointOptions(
        url=url,
        concurrency=models.concurrency,
        timeout_seconds=models.timeout_seconds,
        outage_patience_seconds=models.outage_patience_seconds,
    )
    client = open_client(options, key)
    try:
        return with_patience(client, options), name or await only_model(client)
    except BaseException:
        await client.close()
        raise
