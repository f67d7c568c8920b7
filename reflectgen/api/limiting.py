"""So many requests a minute for each key: counted in Redis where there is one, else in this process."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from pydantic import SecretStr
from redis.asyncio import ConnectionPool

_log = logging.getLogger(__name__)
REDIS_AWAY_SECONDS = 5.0  # during which this process counts alone, after Redis did not answer
AT_ONCE = 100  # a hundredth of a minute's requests is taken from Redis at a time, so that few wait for it


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether a request may go on, and what the headers say of it."""

    is_granted: bool
    limit: int
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        policy = {"RateLimit-Policy": f'"key";q={self.limit};w=60'}
        return policy | {"RateLimit": f'"key";r={self.remaining};t={self.reset_seconds}'}


@dataclass(slots=True)
class _Taken:
    number: int
    remaining: int  # in Redis, after these were taken
    reset_at: float
    lapses_at: float


class Limiter:
    """A Redis that is away never stops the service: the limit then holds for each process on its own."""

    def __init__(self, requests_per_minute: int, redis_url: SecretStr | None) -> None:
        self._item = RateLimitItemPerMinute(requests_per_minute)
        self._at_once = max(1, requests_per_minute // AT_ONCE)
        self._taken: dict[str, _Taken] = {}  # by key: counted already, and not yet used
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared: SlidingWindowCounterRateLimiter | None = None
        self._away_until = 0.0
        self._pool: ConnectionPool | None = None
        if redis_url:
            address = redis_url.get_secret_value()
            self._pool = ConnectionPool.from_url(address, socket_timeout=1.0, socket_connect_timeout=1.0)
            storage = RedisStorage(
                f"async+{address}",
                implementation="redispy",
                key_prefix="reflectgen:limit",
                connection_pool=self._pool,  # type: ignore[arg-type]  # it is passed on
            )
            self._shared = SlidingWindowCounterRateLimiter(storage)

    async def close(self) -> None:
        if self._pool:
            await self._pool.disconnect()

    async def take(self, key_id: str) -> Allowance:
        """Count a request of a key."""
        taken, now = self._taken.get(key_id), time.time()
        if taken and taken.number and now < taken.lapses_at:
            taken.number -= 1
            return Allowance(True, self._item.amount, taken.remaining + taken.number, _until(taken.reset_at, now))
        if self._shared and time.monotonic() > self._away_until:
            try:
                return await self._take(self._shared, key_id)
            except Exception as error:  # whatever a client of Redis raises
                self._away_until = time.monotonic() + REDIS_AWAY_SECONDS
                _log.warning("Redis does not count requests (%s); this process counts alone", type(error).__name__)
        return await self._take(self._alone, key_id)

    async def _take(self, strategy: SlidingWindowCounterRateLimiter, key_id: str) -> Allowance:
        number = self._at_once
        is_granted = await strategy.hit(self._item, key_id, cost=number)
        if not is_granted and number > 1:
            number = 1
            is_granted = await strategy.hit(self._item, key_id)
        stats = await strategy.get_window_stats(self._item, key_id)
        now, remaining, left = time.time(), max(0, stats.remaining), number - 1 if is_granted else 0
        self._taken[key_id] = _Taken(left, remaining, stats.reset_time, now + self._item.get_expiry())
        return Allowance(is_granted, self._item.amount, remaining + left, _until(stats.reset_time, now))


def _until(when: float, now: float) -> int:
    return max(1, round(when - now))
