"""Fetching by address: real servers on 127.0.0.0/8, of which the tests say which are public and which are not."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from reflectgen.corpus.fetch import fetch, is_public
from reflectgen.errors import InputError

PUBLIC, INSIDE = "127.0.0.1", "127.0.0.2"
BODY = b'{"text": "a"}\n'


def _allowed(address) -> bool:
    return str(address) == PUBLIC


class Names:
    """A name server whose answers are given one after another; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def _serving(address: str, handle: Callable, port: int = 0):
    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, address, port)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


async def _body(_request: web.Request) -> web.Response:
    return web.Response(body=BODY)


def _fetch(url: str, path: Path, names: Names, max_bytes: int = 1000, max_seconds: float = 5):
    return fetch(url, path, max_bytes=max_bytes, max_seconds=max_seconds, look_up=names, is_allowed=_allowed)


@pytest.mark.parametrize(
    "inside",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_an_address_of_a_network_inside_is_not_public(inside: str) -> None:
    assert not is_public(ipaddress.ip_address(inside))


@pytest.mark.parametrize("outside", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(outside: str) -> None:
    assert is_public(ipaddress.ip_address(outside))


def test_what_a_public_address_holds_is_written_with_its_hash(tmp_path: Path) -> None:
    async def go() -> None:
        async with _serving(PUBLIC, _body) as port:
            fetched = await _fetch(f"http://data.example:{port}/a.jsonl", tmp_path / "a", Names([PUBLIC]))
        assert fetched.num_bytes == len(BODY)

    asyncio.run(go())
    assert (tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize("answer", [[INSIDE], [PUBLIC, INSIDE], ["::ffff:127.0.0.2"], []])
def test_one_address_inside_is_enough_to_refuse_a_name(tmp_path: Path, answer: list[str]) -> None:
    asked = []

    async def note(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=BODY)

    async def go() -> None:
        async with _serving(INSIDE, note) as port:
            with pytest.raises(InputError, match="not to be asked"):
                await _fetch(f"http://data.example:{port}/a.jsonl", tmp_path / "a", Names(answer))

    asyncio.run(go())
    assert asked == []


def test_a_name_that_changes_its_mind_after_the_check_changes_nothing(tmp_path: Path) -> None:
    asked = []

    async def note(_request: web.Request) -> web.Response:
        asked.append("inside")
        return web.Response(body=b"secret")

    async def go() -> Names:
        names = Names([PUBLIC], [INSIDE])
        async with _serving(PUBLIC, _body) as port, _serving(INSIDE, note, port):
            await _fetch(f"http://data.example:{port}/a.jsonl", tmp_path / "a", names)
        return names

    names = asyncio.run(go())
    assert names.asked == ["data.example"]  # once: what was checked is what was connected to
    assert asked == []
    assert (tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize(
    "target", ["http://inside.example:{port}/a", "http://127.0.0.2:{port}/a", "//127.0.0.2:{port}/a"]
)
def test_a_redirect_is_checked_as_the_first_address_was(tmp_path: Path, target: str) -> None:
    asked = []

    async def note(_request: web.Request) -> web.Response:
        asked.append("inside")
        return web.Response(body=b"secret")

    async def look_up(host: str) -> list[str]:
        return {"data.example": [PUBLIC], "inside.example": [INSIDE]}.get(host, [host])

    async def go() -> None:
        async with _serving(INSIDE, note) as inside:

            async def lead_on(_request: web.Request) -> web.Response:
                return web.Response(status=302, headers={"Location": target.format(port=inside)})

            async with _serving(PUBLIC, lead_on) as port:
                with pytest.raises(InputError, match="not to be asked"):
                    await _fetch(f"http://data.example:{port}/a.jsonl", tmp_path / "a", look_up)

    asyncio.run(go())
    assert asked == []


def test_a_redirect_to_a_good_place_is_followed_but_not_for_ever(tmp_path: Path) -> None:
    async def once(request: web.Request) -> web.Response:
        if request.path == "/b":
            return web.Response(body=BODY)
        return web.Response(status=301, headers={"Location": "/b" if request.path == "/a" else "/again"})

    async def go() -> None:
        async with _serving(PUBLIC, once) as port:
            await _fetch(f"http://data.example:{port}/a", tmp_path / "a", Names([PUBLIC]))
            with pytest.raises(InputError, match="more than 5 times"):
                await _fetch(f"http://data.example:{port}/again", tmp_path / "b", Names([PUBLIC]))

    asyncio.run(go())


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://data.example/a", "http://u:p@data.example/a", "http:///a", "gopher://x"]
)
def test_only_plain_web_addresses_are_asked(tmp_path: Path, url: str) -> None:
    names = Names([PUBLIC])
    with pytest.raises(InputError, match="not a plain"):
        asyncio.run(_fetch(url, tmp_path / "a", names))
    assert names.asked == []


def test_too_many_bytes_and_too_much_time_end_it(tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"x" * 1000)
                await asyncio.sleep(0.01 if request.path == "/slow" else 0)
        except ConnectionError:
            return answer

    async def go() -> None:
        async with _serving(PUBLIC, endless) as port:
            with pytest.raises(InputError, match="more than 5000 bytes"):
                await _fetch(f"http://d.example:{port}/a", tmp_path / "a", Names([PUBLIC]), max_bytes=5000)
            with pytest.raises(InputError, match=r"more than 0\.3 s"):
                await _fetch(f"http://d.example:{port}/slow", tmp_path / "a", Names([PUBLIC]), 10**9, 0.3)

    asyncio.run(go())
