"""For those who watch over the service: is it alive, can it work, what are its numbers. They need no key."""

from __future__ import annotations

import tempfile
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import select

from reflectgen import __version__
from reflectgen.api import schemas as s
from reflectgen.api.problems import documented
from reflectgen.api.service import Here, Service
from reflectgen.errors import ReflectgenError
from reflectgen.store.clock import db_now

router = APIRouter(tags=["health"])
_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text"}
}


@router.get("/healthz", responses=documented())
async def healthz() -> s.Health:
    """Whether the process answers."""
    return s.Health(version=__version__)


@router.get("/readyz", responses={503: {"model": s.Readiness}, **{k: v for k, v in documented().items() if k != 503}})
def readyz(here: Here, response: Response) -> s.Readiness:
    """Whether the database, Redis and the data folder can be used."""
    checks = {"database": _database(here), "redis": _redis(here), "data": _data(here)}
    is_ready = all(said in ("ok", "not used") for said in checks.values())
    response.status_code = 200 if is_ready else 503
    return s.Readiness(status="ready" if is_ready else "not ready", checks=checks)


@router.get("/metrics", response_class=Response, responses={**documented(), **_METRICS})
def metrics(here: Here) -> Response:
    """The numbers of the service, as Prometheus reads them."""
    return Response(here.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _database(here: Service) -> str:
    try:
        with here.store.read() as connection:
            connection.execute(select(db_now())).one()
    except ReflectgenError:
        return "does not answer"
    return "ok"


def _redis(here: Service) -> str:
    if here.settings.redis_url is None:
        return "not used"
    import redis

    try:
        address = here.settings.redis_url.get_secret_value()
        with redis.Redis.from_url(address, socket_timeout=2, socket_connect_timeout=2) as client:
            client.ping()
    except redis.RedisError:
        return "does not answer"
    return "ok"


def _data(here: Service) -> str:
    try:
        with tempfile.TemporaryFile(dir=here.settings.data):
            return "ok"
    except OSError:
        return "cannot be written"
