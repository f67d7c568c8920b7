"""Logs as lines of JSON, with what they are about: job, shard and attempt, bound for as long as one is worked on.

    with about(job=public_id, shard=number, attempt=token):
        log.info("claimed")

Whatever looks like a key, an authorization or a password in an address is blotted out on the way, wherever it stands.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

about = structlog.contextvars.bound_contextvars
bind_contextvars = structlog.contextvars.bind_contextvars
BLOT = "***"

_SECRET_NAMES = re.compile(r"authorization|api[-_]?key|secret|password|passwd|cookie|^token$|_token$", re.IGNORECASE)
_SECRETS = (
    re.compile(r"(?P<kept>\brg_[0-9a-f]{4})[0-9a-f]{12}_[A-Za-z0-9_-]{20,}"),
    re.compile(r"(?P<kept>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)", re.IGNORECASE),
    re.compile(r"(?P<kept>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"(?P<kept>\bsk-)[A-Za-z0-9_-]{8,}"),
)


def set_up_logs(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Have everything that this process logs, its libraries included, written as JSON, one object a line."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact,
            structlog.processors.JSONRenderer(sort_keys=True, default=str),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "celery"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    for name in ("alembic", "httpx", "httpx2"):  # a line for each request, with its address
        logging.getLogger(name).setLevel("WARNING")
    logging.getLogger("uvicorn.access").disabled = True  # it logs paths and queries; `reflectgen.api` logs routes


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out what is secret in a log entry."""
    return {key: BLOT if _SECRET_NAMES.search(key) else _redacted(value) for key, value in event.items()}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {key: BLOT if _SECRET_NAMES.search(str(key)) else _redacted(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(one) for one in value]
    return value if value is None or isinstance(value, (int, float)) else without_secrets(str(value))


def without_secrets(text: str) -> str:
    """Return `text` with keys and passwords blotted out."""
    for secret in _SECRETS:
        text = secret.sub(rf"\g<kept>{BLOT}", text)
    return text
