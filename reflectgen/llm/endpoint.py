"""Binding a role to an endpoint: what a person sets that changes no reflection, and so is in no recipe."""

from __future__ import annotations

import random

from pydantic import BaseModel, Field, SecretStr

from reflectgen.llm.client import OpenAIClient
from reflectgen.llm.outage import PatientModel


class EndpointOptions(BaseModel, extra="forbid", frozen=True):
    """Where to ask and how hard."""

    url: str
    concurrency: int = Field(default=64, ge=1, le=4096)  # calls in flight
    timeout_seconds: float = Field(default=120.0, gt=0)  # of one call, from sending to the last byte
    outage_patience_seconds: float = Field(default=600.0, ge=0)


def open_client(options: EndpointOptions, api_key: SecretStr | None = None) -> OpenAIClient:
    """Return the client of an endpoint; nothing is sent yet.

    Raises:
        TeacherError: the address or the key cannot be used.
    """
    return OpenAIClient(options.url, api_key, timeout_seconds=options.timeout_seconds, concurrency=options.concurrency)


def with_patience(client: OpenAIClient, options: EndpointOptions) -> PatientModel:
    """Return `client` as a model that waits out what may pass; closing it closes the client."""
    # Waits must differ between the workers of one endpoint, so this chance is the one that has no seed.
    return PatientModel(client, patience_seconds=options.outage_patience_seconds, rng=random.Random())
