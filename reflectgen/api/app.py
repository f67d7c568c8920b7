"""The application as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from reflectgen import __version__
from reflectgen.api.access import KeyRing
from reflectgen.api.examples import with_examples
from reflectgen.api.lately import Lately
from reflectgen.api.limiting import Limiter
from reflectgen.api.metrics import Metrics
from reflectgen.api.problems import ProblemView, answer_problems
from reflectgen.api.routes import corpora, events, exports, health, jobs, offers, reflections, trainings
from reflectgen.api.schemas import CorpusReference
from reflectgen.api.service import Service
from reflectgen.api.surround import Surround
from reflectgen.api.texts import Texts
from reflectgen.jobs.offered_trainings import read_trainings
from reflectgen.jobs.queue import Queue
from reflectgen.jobs.registry import read_registry
from reflectgen.settings import ServiceSettings
from reflectgen.store import Store

THREADS = 12  # that answer at once; each holds at most one connection of the database
_ABOUT = "Submit corpora and jobs, follow them, read and judge their reflections, and download what comes of them."


def create_app(settings: ServiceSettings, store: Store, queue: Queue) -> FastAPI:
    """Return the application; whoever makes it closes the store.

    Raises:
        RecipeError: the operator's registry cannot be used.
    """
    registry = read_registry(settings.registry)
    metrics = Metrics(store)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield
        await app.state.service.limiter.close()

    app = FastAPI(
        title="reflectgen",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # its pages load scripts from elsewhere; the schema is at /openapi.json
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = Service(
        settings=settings,
        store=store,
        queue=queue,
        registry=registry,
        trainings=read_trainings(registry, settings.registry),
        keys=KeyRing(store),
        limiter=Limiter(settings.requests_per_minute, settings.redis_url),
        metrics=metrics,
        texts=Texts(),
        lately=Lately(),
    )
    answer_problems(app)
    for room in (corpora, jobs, events, reflections, exports, trainings, offers, health):
        app.include_router(room.router)
    app.add_middleware(Surround, metrics=metrics, hosts=settings.allowed_hosts)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the schema, with the parts that no route's signature names."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        parts = schema.setdefault("components", {}).setdefault("schemas", {})
        for model in (ProblemView, CorpusReference):
            found = TypeAdapter(model).json_schema(ref_template="#/components/schemas/{model}")
            parts.update(found.pop("$defs", {}))
            parts[model.__name__] = found
        with_examples(schema)
        app.openapi_schema = schema
    return app.openapi_schema
