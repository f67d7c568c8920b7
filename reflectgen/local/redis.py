"""A private Redis: the doorbell of this machine's workers."""

from __future__ import annotations

import shutil
from pathlib import Path

from reflectgen.local.layout import Choices, Layout, write_private
from reflectgen.local.process import Part


def redis_program() -> str | None:
    return shutil.which("redis-server")


def redis_part(program: str, layout: Layout, choices: Choices) -> tuple[Part, str]:
    """Return how it is run, and its address."""
    folder = layout.stack / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    config = folder / "redis.conf"
    write_private(config, _config(folder, choices))
    url = f"redis://:{choices.redis_password}@127.0.0.1:{choices.redis_port}/0"
    return Part("redis", (program, str(config)), lambda _started_at: _answers(url)), url


def _config(folder: Path, choices: Choices) -> str:
    lines = {
        "bind": "127.0.0.1",
        "port": choices.redis_port,
        "dir": f'"{folder}"',
        "requirepass": choices.redis_password,
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",  # a full Redis refuses messages; it must not forget its queues
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _answers(url: str) -> bool:
    import redis

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
