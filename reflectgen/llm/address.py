"""The address of an OpenAI-compatible API, as people write it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from reflectgen.errors import TeacherError

VERSION = re.compile(r"v\d+\w*")  # v1, and the v1beta or v4 of some vendors
ROUTES = ("/chat/completions", "/completions", "/models")


def api_root(url: str) -> str:
    """Return the address that `/chat/completions` is added to; `http://host:8000` and `http://host:8000/v1` are one.

    Raises:
        TeacherError: not an http address, or one that carries a password or a query. What it carries is not repeated.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise TeacherError("the endpoint's address cannot be read: write it as http://HOST:PORT/v1") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TeacherError("the endpoint's address is not an http one: write it as http://HOST:PORT/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise TeacherError(
            f"the endpoint's address at {parts.hostname} carries a user, a query or a fragment: "
            "leave them out, and put a key into the environment (REFLECTGEN_TEACHER_API_KEY, REFLECTGEN_GUARD_API_KEY)"
        )
    path = parts.path.rstrip("/")
    for route in ROUTES:
        path = path.removesuffix(route)
    if not any(VERSION.fullmatch(segment) for segment in path.split("/")):
        path += "/v1"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{path}"
