"""Who asks, and what they may: decided by a dependency of each route, never by what a path looks like."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from reflectgen.api.keys import Scope, is_valid, may, sha256, taken_apart
from reflectgen.api.problems import Problem
from reflectgen.store import Store, clock, keys
from reflectgen.store.keys import Key

REMEMBERED_SECONDS = 2.0  # for so long a key that is revoked elsewhere may still be used here
REMEMBERED_KEYS = 1024
NOTED_SECONDS = 60.0  # between two notes of when a key was last used

_bearer = HTTPBearer(
    auto_error=False, scheme_name="ApiKey", bearerFormat="rg_<id>_<secret>", description="`reflectgen keys create`"
)


class KeyRing:
    """Recognises tokens, and remembers them for a moment so that not every request asks the database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[str, tuple[Key | None, float]] = OrderedDict()  # by the token's hash
        self._noted: dict[str, float] = {}

    async def recognise(self, token: str) -> Key | None:
        """Return the key that a token is of, or None where it is of none that holds."""
        hashed, now = sha256(token), time.monotonic()
        known = self._known.get(hashed)
        if known is None or now > known[1]:
            known = (await run_in_threadpool(self._look_up, token), now + REMEMBERED_SECONDS)
            self._known[hashed] = known
            while len(self._known) > REMEMBERED_KEYS:
                self._known.popitem(last=False)
        return known[0]

    def _look_up(self, token: str) -> Key | None:
        parts = taken_apart(token)
        if parts is None:
            return None
        with self._store.read() as connection:
            key = keys.get(connection, parts[0])
            now = clock.now(connection)
        if key is None or not is_valid(key, parts[1], now):
            return None
        if now - self._noted.get(key.id, key.last_used_at or 0.0) > NOTED_SECONDS:
            self._noted[key.id] = now
            with self._store.write() as connection:
                keys.note_use(connection, key.id)
        return key


def needs(scope: Scope) -> Callable[..., Awaitable[Key]]:
    """Return the dependency that lets a request pass only with a key of this scope, and only so often."""

    async def key_of(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Key:
        ring: KeyRing = request.app.state.service.keys
        service = request.app.state.service
        key = await ring.recognise(credentials.credentials) if credentials else None
        if key is None:
            said = "send `Authorization: Bearer rg_...` with a key that has not expired or been revoked"
            raise Problem(401, said, WWW_Authenticate="Bearer")
        request.state.key_id = key.id
        allowance = await service.limiter.take(key.id)
        request.state.headers = allowance.headers
        if not allowance.is_granted:
            said = f"this key may send {allowance.limit} requests a minute"
            raise Problem(429, said, Retry_After=str(allowance.reset_seconds))
        if not may(key, scope):
            raise Problem(403, f"this needs a key with the scope {scope.value}")
        return key

    return key_of


def owner_of(key: Key) -> str | None:
    """Return what queries ask for as owner: the key's id, or None for an administrator, who sees all."""
    return None if may(key, Scope.ADMIN) else key.id


Reader = Annotated[Key, Depends(needs(Scope.READ))]
Submitter = Annotated[Key, Depends(needs(Scope.SUBMIT))]
Reviewer = Annotated[Key, Depends(needs(Scope.REVIEW))]
