"""API keys, `rg_<id>_<secret>`: made, shown once, and recognised again by the hash of their secret."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from enum import StrEnum

from reflectgen.store.keys import Key

_TOKEN = re.compile(r"rg_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class Scope(StrEnum):
    READ = "read"
    SUBMIT = "submit"
    REVIEW = "review"
    ADMIN = "admin"  # everything, of every key


def new_token() -> tuple[str, str, str]:
    """Return a new key's id, its token, and the hash of the secret in it, which is all that may be kept."""
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    return key_id, f"rg_{key_id}_{secret}", sha256(secret)


def taken_apart(token: str) -> tuple[str, str] | None:
    """Return the id and the secret of what looks like a token."""
    found = _TOKEN.fullmatch(token)
    return (found[1], found[2]) if found else None


def is_valid(key: Key, secret: str, now: float) -> bool:
    """Whether `secret` is the key's and the key still holds; takes as long whatever part of the secret is wrong."""
    is_same = hmac.compare_digest(key.secret_sha256, sha256(secret))
    return is_same and key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def may(key: Key, scope: Scope) -> bool:
    return scope.value in key.scopes or Scope.ADMIN.value in key.scopes


def sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
