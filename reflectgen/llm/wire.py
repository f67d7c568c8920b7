"""One HTTP exchange with a server, told as a value: what the transports differ in, and what they do not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from reflectgen.errors import TeacherUnauthorized
from reflectgen.llm.body import Body

CHATS = "/chat/completions"
CONNECT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 4.0  # vLLM closes an idle connection after 5
MAX_REPLY_BYTES = 4 * 1024 * 1024
KEY = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, whatever its status; `kind` is the content type. All of it is untrusted."""

    status: int
    body: bytes
    kind: str = ""
    retry_after: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is none. `was_closed`: a connection that we had was closed, as a kept one may be, so ask again."""

    problem: str
    was_closed: bool = False


class Wire(Protocol):
    """Sends one request and reads one reply.

    A wire follows no redirect, uses no proxy of the environment, unpacks nothing and reads at most `max_bytes`. It
    raises nothing for what the network or the server does, since the errors of HTTP libraries hold the key.
    """

    def __init__(self, root: str, key: str, *, timeout_seconds: float, concurrency: int) -> None: ...

    async def exchange(
        self, method: str, url: str, body: Body | None = None, max_bytes: int = MAX_REPLY_BYTES
    ) -> Answer | NoAnswer: ...

    async def close(self) -> None: ...


def usable_key(api_key: SecretStr | None, root: str) -> str:
    """Return the key as it travels; empty where there is none.

    Raises:
        TeacherUnauthorized: it holds what no header can carry.
    """
    key = api_key.get_secret_value() if api_key else ""
    if key and not KEY.fullmatch(key):
        raise TeacherUnauthorized(f"the key for {root} holds characters that no HTTP header can carry")
    return key


def too_long(max_bytes: int) -> str:
    return f"a reply of more than {max_bytes // 2**20} MiB"
