"""Binding a role to an endpoint: what a person sets that changes no reflection, and so is in no recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class EndpointOptions(BaseModel, extra="forbid", frozen=True):
    """Where to ask, how hard, and what it costs."""

    url: str = ""  # empty only for the transport "vllm", an engine in this process
    model: str | None = None  # None: the only one that the server lists
    transport: Literal["aiohttp", "openai", "vllm"] = "aiohttp"
    concurrency: int = Field(default=64, ge=1, le=4096)  # questions in flight, at most
    batch: bool = True  # several questions in one call, where the server takes that
    timeout_seconds: float = Field(default=120.0, gt=0)  # of one call, from sending to the last byte
    outage_patience_seconds: float = Field(default=600.0, ge=0)
    key_variable: str | None = None  # the environment variable that holds the key
    price_per_million_prompt_tokens: float | None = Field(default=None, ge=0)
    price_per_million_completion_tokens: float | None = Field(default=None, ge=0)
    price_per_gpu_hour: float | None = Field(default=None, ge=0)
    num_gpus: int = Field(default=1, ge=1)
