"""Fetching a corpus from an address that a stranger named, without becoming their way into our network.

A name is resolved once for each hop, every address that it has is checked, and the connection goes to what was
checked: a name that changes its mind between the check and the connection changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from reflectgen.errors import InputError

MAX_REDIRECTS = 5
_CONNECT_SECONDS = 10.0
_PIECE_BYTES = 1 << 18
_REDIRECTS = (301, 302, 303, 307, 308)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Not private by Python's word, yet no place on the public internet: shared address space, translation prefixes.
_INSIDE = [ipaddress.ip_network(one) for one in ("100.64.0.0/10", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")]


class LookUp(Protocol):
    async def __call__(self, host: str) -> list[str]:
        """Return every address of a name."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    num_bytes: int
    sha256: str


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, also where it hides an IPv4 address in an IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address.teredo or address.scope_id:
            return False
    if any(address in network for network in _INSIDE if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def look_up(host: str) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


async def fetch(
    url: str,
    path: Path,
    *,
    max_bytes: int,
    max_seconds: float,
    look_up: LookUp = look_up,
    is_allowed: Callable[[Address], bool] = is_public,
) -> Fetched:
    """Write what an http(s) address holds to `path`.

    Raises:
        InputError: it is not to be asked, does not answer well, or holds more than `max_bytes`.
    """
    try:
        async with asyncio.timeout(max_seconds):
            for _ in range(MAX_REDIRECTS + 1):
                host, addresses = await _checked(url, look_up, is_allowed)
                fetched = await _ask(url, host, addresses, path, max_bytes)
                if isinstance(fetched, Fetched):
                    return fetched
                url = urljoin(url, fetched)
    except TimeoutError as error:
        raise InputError(f"the address took more than {max_seconds:g} s") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise InputError(f"the address does not answer well: {type(error).__name__}") from error
    raise InputError(f"the address leads on more than {MAX_REDIRECTS} times")


async def _checked(url: str, look_up: LookUp, is_allowed: Callable[[Address], bool]) -> tuple[str, list[str]]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise InputError("the address is not a plain http(s) one")
    try:
        addresses = await look_up(parts.hostname)
    except OSError as error:
        raise InputError("the address has a name that nobody knows") from error
    if not addresses or not all(is_allowed(ipaddress.ip_address(one)) for one in addresses):
        raise InputError("the address leads to a network that is not to be asked")
    return parts.hostname, addresses


async def _ask(url: str, host: str, addresses: list[str], path: Path, max_bytes: int) -> Fetched | str:
    """Return what was written, or where the answer leads."""
    pinned = aiohttp.TCPConnector(resolver=_Pinned(host, addresses), use_dns_cache=False, force_close=True)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=30.0)
    # No proxy of the environment, no cookies, no compression on the way: a corpus is compressed as a file or not.
    headers = {"Accept-Encoding": "identity", "User-Agent": "reflectgen"}
    async with (
        aiohttp.ClientSession(
            connector=pinned,
            timeout=timeout,
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session,
        session.get(url, allow_redirects=False, headers=headers) as answer,
    ):
        if answer.status in _REDIRECTS and (location := answer.headers.get("Location")):
            return location
        if answer.status != 200:
            raise InputError(f"the address answers with status {answer.status}")
        return await _write(answer, path, max_bytes)


async def _write(answer: aiohttp.ClientResponse, path: Path, max_bytes: int) -> Fetched:
    digest, num_bytes = hashlib.sha256(), 0
    with path.open("wb") as file:
        async for piece in answer.content.iter_chunked(_PIECE_BYTES):
            num_bytes += len(piece)
            if num_bytes > max_bytes:
                raise InputError(f"the address holds more than {max_bytes} bytes")
            digest.update(piece)
            file.write(piece)
    return Fetched(num_bytes, digest.hexdigest())


class _Pinned(AbstractResolver):
    """Knows one name, and of it the addresses that were checked."""

    def __init__(self, host: str, addresses: list[str]) -> None:
        self._host = host
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != self._host:
            raise OSError(f"{host} was not checked")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass
