"""What a server can do beside answering chats, found by asking it: vLLM, its version, its batch route, its gauges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeGuard

from reflectgen.llm.address import VERSION
from reflectgen.llm.answers import models_in, version_in
from reflectgen.llm.body import Body
from reflectgen.llm.completion import ServedModel
from reflectgen.llm.load import parse_metrics
from reflectgen.llm.wire import CHATS, Answer, NoAnswer

BATCH = CHATS + "/batch"
THERE = (200, 400, 422)  # what a route says to a batch of no questions; 404 or 405 where there is none

Exchange = Callable[[str, str, Body | None], Awaitable[Answer | NoAnswer]]


@dataclass(frozen=True, slots=True)
class ServerFeatures:
    """What was found. `version` is vLLM's, and empty where the server is another or does not say."""

    is_vllm: bool = False
    version: str = ""
    models: tuple[ServedModel, ...] = ()
    has_batch: bool = False
    has_metrics: bool = False

    def max_model_len(self, model: str) -> int | None:
        """Return the tokens of prompt and answer that `model` takes, where the server says so."""
        return next((served.max_model_len for served in self.models if served.name == model), None)


def server_root(root: str) -> str:
    """Return the address that vLLM's own routes (`/version`, `/metrics`) are added to: they lie beside `/v1`."""
    segments = root.split("/")
    last = max((i for i, segment in enumerate(segments) if VERSION.fullmatch(segment)), default=len(segments))
    return "/".join(segments[:last])


async def find_features(exchange: Exchange, root: str) -> tuple[ServerFeatures, bool]:
    """Ask the server at `root` what it can do, in four calls that cost it nothing.

    The second value is False where a call was not answered, or as by a server that is not ready: ask again later.
    """
    models = await exchange("GET", root + "/models", None)
    if not _is_settled(models):
        return ServerFeatures(), False
    served = models_in(models.body) if _is_success(models) else None
    name = served[0].name if served else ""
    base = server_root(root)
    version, metrics, batch = await asyncio.gather(
        exchange("GET", base + "/version", None),
        exchange("GET", base + "/metrics", None),
        exchange("POST", root + BATCH, Body.of({"model": name, "messages": []})),
    )
    has_metrics = _is_success(metrics) and parse_metrics(metrics.body.decode("utf-8", "replace")) is not None
    said_version = (version_in(version.body) or "") if _is_success(version) else ""
    # Another server may answer /version too, so that alone is no proof; and to take another server for vLLM would make
    # it refuse a field that only vLLM knows.
    is_vllm = any(model.owned_by == "vllm" for model in served or ()) or (has_metrics and bool(said_version))
    features = ServerFeatures(
        is_vllm=is_vllm,
        version=said_version if is_vllm else "",
        models=tuple(served or ()),
        has_batch=isinstance(batch, Answer) and batch.status in THERE,
        has_metrics=has_metrics,
    )
    return features, all(_is_settled(answer) for answer in (version, metrics, batch))


def _is_success(answer: Answer | NoAnswer) -> TypeGuard[Answer]:
    return isinstance(answer, Answer) and answer.status == 200


def _is_settled(answer: Answer | NoAnswer) -> TypeGuard[Answer]:
    return isinstance(answer, Answer) and answer.status != 429 and (answer.status < 500 or answer.status == 501)
