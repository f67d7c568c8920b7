"""Are the service's database, queue and folder there, and set up so that nothing is lost?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from reflectgen.cli.finding import Finding
from reflectgen.errors import OutputError, RecipeError
from reflectgen.jobs.offered_trainings import read_trainings
from reflectgen.jobs.registry import read_registry
from reflectgen.settings import ServiceSettings
from reflectgen.store import Store
from reflectgen.store.engine import newest_revision

if TYPE_CHECKING:
    from redis import Redis

MOST_SKEW_SECONDS = 5.0  # leases go by the database's clock alone; more than this makes logs hard to read
ANSWER_SECONDS = 5


def check_service(settings: ServiceSettings) -> Iterator[Finding]:
    """Yield what is found, where the environment names a database or a queue; no finding holds a password."""
    if settings.database_url is not None:
        yield from _database(Store.at(settings.database.get_secret_value(), migrates=False))
    if settings.redis_url is not None:
        yield from _queue(settings.redis_url.get_secret_value())
    if settings.database_url is not None or settings.redis_url is not None:
        yield from _files(settings)


def _database(store: Store) -> Iterator[Finding]:
    began = time.perf_counter()
    try:
        revision, newest = store.revision(), newest_revision()
        milliseconds = (time.perf_counter() - began) * 1000
        yield Finding("database", True, f"{store.address} answers ({milliseconds:,.0f} ms)")
        if revision != newest:
            found = f"{revision or 'none'}, this version needs {newest}: run `reflectgen db upgrade`"
            yield Finding("database schema", False, found)
            return
        yield Finding("database schema", True, newest)
        with store, store.read() as connection:
            before = time.time()
            theirs = store.now(connection)
            ours = (before + time.time()) / 2
        skew = theirs - ours
        found = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
        yield Finding("database clock", abs(skew) <= MOST_SKEW_SECONDS, found)
    except OutputError as error:
        yield Finding("database", False, str(error))


def _queue(url: str) -> Iterator[Finding]:
    import redis  # the core runs without it

    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS)
    except ValueError:
        yield Finding("redis", False, "REFLECTGEN_REDIS_URL is no address; give redis://:PASSWORD@HOST:PORT/0")
        return
    where = f"{client.connection_pool.connection_kwargs.get('host', 'its socket')}"
    with client:
        try:
            client.ping()
        except redis.exceptions.AuthenticationError:
            yield Finding("redis", False, f"{where} refuses the password of REFLECTGEN_REDIS_URL")
            return
        except redis.exceptions.RedisError as error:
            yield Finding("redis", False, f"{where} does not answer: {type(error).__name__}")
            return
        yield Finding("redis", True, f"{where} answers")
        yield _needs_password(client)
        yield from _keeps_messages(client)


def _needs_password(client: Redis) -> Finding:
    import redis

    kwargs = client.connection_pool.connection_kwargs
    bare = {
        name: value for name, value in kwargs.items() if name not in ("username", "password", "credential_provider")
    }
    pool = redis.ConnectionPool(connection_class=client.connection_pool.connection_class, **bare)
    with redis.Redis(connection_pool=pool) as stranger:
        try:
            stranger.ping()
        except redis.exceptions.RedisError:
            return Finding("redis password", True, "without it nobody is let in")
        finally:
            pool.disconnect()
    return Finding("redis password", False, "anybody who reaches it may read and write; set requirepass")


def _keeps_messages(client: Redis) -> Iterator[Finding]:
    import redis

    try:
        policy = str(client.info("memory").get("maxmemory_policy", "unknown"))
        persists = bool(client.info("persistence").get("aof_enabled"))
    except redis.exceptions.RedisError as error:
        yield Finding("redis settings", False, f"they cannot be read: {type(error).__name__}")
        return
    yield Finding(
        "redis eviction",
        policy == "noeviction",
        policy if policy == "noeviction" else f"{policy}: a full Redis would forget its queues; set noeviction",
    )
    yield Finding(
        "redis persistence",
        persists,
        "append-only file" if persists else "none: after a restart work waits for the reconciler; set appendonly yes",
    )


def _files(settings: ServiceSettings) -> Iterator[Finding]:
    try:
        with tempfile.TemporaryDirectory(dir=settings.data):
            yield Finding("data folder", True, f"{settings.data} can be written")
    except OSError as error:
        yield Finding("data folder", False, f"{settings.data} cannot be written: {error.strerror}")
    try:
        registry = read_registry(settings.registry)
        trainings = read_trainings(registry, settings.registry)
        yield Finding("registry", True, f"recipes: {_names(registry.recipes)}; trainings: {_names(trainings)}")
    except RecipeError as error:
        yield Finding("registry", False, str(error))


def _names(offered: Mapping[str, object]) -> str:
    return ", ".join(sorted(offered)) or "none"
