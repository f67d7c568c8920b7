"""What the routes share, and how they get at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from reflectgen.api.access import KeyRing
from reflectgen.api.lately import Lately
from reflectgen.api.limiting import Limiter
from reflectgen.api.metrics import Metrics
from reflectgen.api.texts import Texts
from reflectgen.jobs.offered_trainings import OfferedTraining
from reflectgen.jobs.queue import Queue
from reflectgen.jobs.registry import Registry
from reflectgen.settings import ServiceSettings
from reflectgen.store import Store


@dataclass(slots=True)
class Service:
    settings: ServiceSettings
    store: Store
    queue: Queue
    registry: Registry
    trainings: Mapping[str, OfferedTraining]
    keys: KeyRing
    limiter: Limiter
    metrics: Metrics
    texts: Texts
    lately: Lately

    def job_folder(self, public_id: str) -> Path:
        return self.settings.data / "jobs" / public_id


async def service_of(request: Request) -> Service:
    return cast("Service", request.app.state.service)


Here = Annotated[Service, Depends(service_of)]
__all__ = ["Here", "Service"]
