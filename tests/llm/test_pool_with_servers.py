"""The pool against real servers on this machine, which die, come back and refuse."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest

from reflectgen.errors import TeacherError, TeacherNotFound, TeacherUnavailable
from reflectgen.llm.client import OpenAIClient
from reflectgen.llm.completion import CompletionRequest
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.llm.load import parse_metrics
from reflectgen.llm.member import Member
from reflectgen.llm.pool import EndpointPool, open_pool
from reflectgen.llm.status import State
from tests.llm.pool_server import PoolServer, pool_servers

NOBODY = EndpointOptions(url="http://127.0.0.1:9", model=None)  # the discard port: refused


@asynccontextmanager
async def opened(*servers, **options):
    endpoints = [EndpointOptions(url=server.url, **options) for server in servers]
    pool, name = await open_pool(endpoints, [None] * len(endpoints))
    try:
        yield pool, name
    finally:
        await pool.close()


async def ask(pool, num, workers=16):
    slots = asyncio.Semaphore(workers)

    async def one(seed):
        async with slots:
            return (await pool.complete(CompletionRequest(({"role": "user", "content": "?"},), "m", seed, 0, 9))).text

    return await asyncio.gather(*[one(seed) for seed in range(num)], return_exceptions=True)


@asynccontextmanager
async def asking(pool, workers=16):
    """Ask without end until the block does; yields the list of answers."""
    answers, enough = [], asyncio.Event()

    async def work():
        while not enough.is_set():
            answers.extend(await ask(pool, 1))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(workers):
            tasks.create_task(work())
        yield answers
        enough.set()


async def until(what):
    async with asyncio.timeout(30):
        while not what():  # noqa: ASYNC110  what is waited for happens on the other side of a socket
            await asyncio.sleep(0.01)


def test_server_killed_in_the_middle_of_its_answers_loses_nothing_and_rejoins():
    async def go():
        one, two = PoolServer(), PoolServer()
        async with (
            pool_servers(one, two),
            opened(one, two, concurrency=8) as (pool, _),
            asking(pool) as answers,
        ):
            await until(lambda: two.num_asked > 100)
            await two.kill()
            await until(lambda: pool.status.endpoints[1].state is State.RESTING)
            num_asked = one.num_asked
            await until(lambda: one.num_asked > num_asked + 100)
            await two.start()
            num_asked = two.num_asked
            await until(lambda: two.num_asked > num_asked + 100)
        return answers, pool.status

    answers, status = asyncio.run(go())
    assert set(answers) == {"yes"}
    assert status.num_outstanding == 0
    assert status.num_answers >= len(answers)


def test_all_servers_killed_and_one_started_again():
    async def go():
        one, two = PoolServer(), PoolServer()
        async with pool_servers(one, two), opened(one, two, concurrency=8) as (pool, _):
            work = asyncio.ensure_future(ask(pool, 500))
            await until(lambda: one.num_asked + two.num_asked > 100)
            await asyncio.gather(one.kill(), two.kill())
            await until(lambda: pool.status.paused_seconds is not None)
            num_calls = pool.status.num_calls
            await asyncio.sleep(0.2)
            num_knocks = pool.status.num_calls - num_calls
            await one.start()
            return await work, num_knocks, pool.status

    results, num_knocks, status = asyncio.run(go())
    assert results == ["yes"] * 500
    assert num_knocks <= 6  # and not one for each of the sixteen that wait
    assert status.num_calls <= 500 + 16 + 30
    assert status.paused_seconds is None


def test_server_that_stays_away_ends_the_run_when_patience_is_over():
    async def go():
        server = PoolServer()
        async with pool_servers(server), opened(server, concurrency=8, outage_patience_seconds=1.0) as (pool, _):
            work = asyncio.ensure_future(ask(pool, 2_000))
            await until(lambda: server.num_asked > 100)
            await server.kill()
            return await work

    results = asyncio.run(go())
    errors = [result for result in results if result != "yes"]
    assert {type(error) for error in errors} == {TeacherUnavailable}
    assert "has been away for" in str(errors[-1])
    assert results.count("yes") + len(errors) == 2_000


def test_server_that_refuses_the_key_is_out_and_the_other_answers():
    async def go():
        one, two = PoolServer(), PoolServer()
        async with pool_servers(one, two), opened(one, two, concurrency=4) as (pool, _):
            await ask(pool, 100)
            two.status = 401
            return await ask(pool, 300), pool.status.endpoints[1]

    results, refusing = asyncio.run(go())
    assert results == ["yes"] * 300
    assert refusing.state is State.OUT
    assert "answered 401" in refusing.reason


def test_slow_server_gets_less():
    async def go():
        fast, slow = PoolServer(seconds=0.005), PoolServer(seconds=0.1)
        async with pool_servers(fast, slow), opened(fast, slow, concurrency=4) as (pool, _):
            await ask(pool, 500)
            return fast.num_asked, slow.num_asked

    fast, slow = asyncio.run(go())
    assert fast > 3 * slow > 0


class Reporting(OpenAIClient):
    """A client that reads its server's gauges."""

    def __init__(self, url, concurrency):
        super().__init__(url, concurrency=concurrency)
        self._metrics_url = f"{url}/metrics"

    async def metrics(self):
        async with aiohttp.ClientSession() as session, session.get(self._metrics_url) as response:
            return parse_metrics(await response.text())


def test_server_with_little_room_soon_gets_few_questions_at_once():
    async def go():
        server = PoolServer(seconds=0.02, room=4)
        async with pool_servers(server):
            pool = EndpointPool([Member(Reporting(server.url, 64), 64)])
            async with asking(pool, workers=64) as answers:
                await until(lambda: pool.status.endpoints[0].limit < 24)
                await until(lambda: server.num_inside < 24)
            await pool.close()
            return answers, server.max_inside

    answers, max_inside = asyncio.run(go())
    assert set(answers) == {"yes"}
    assert max_inside == 64  # as many as the user asked for, at first


def test_model_is_found_and_an_endpoint_that_is_away_joins_later():
    async def go():
        one, two = PoolServer(model="qwen"), PoolServer(model="qwen")
        async with pool_servers(one, two):
            await two.kill()
            async with opened(one, two, concurrency=4) as (pool, name):
                async with asking(pool) as answers:
                    await until(lambda: pool.status.endpoints[1].state is State.RESTING)
                    await two.start()
                    await until(lambda: two.num_asked > 50)
                return name, answers

    name, answers = asyncio.run(go())
    assert name == "qwen"
    assert set(answers) == {"yes"}


def test_endpoints_that_serve_different_models_are_refused_and_both_named():
    async def go():
        one, two = PoolServer(model="qwen"), PoolServer(model="llama")
        async with pool_servers(one, two):
            with pytest.raises(TeacherError, match=r"'qwen' and .*'llama': the endpoints of one role") as caught:
                await open_pool([EndpointOptions(url=one.url), EndpointOptions(url=two.url, model="llama")], [None] * 2)
            return str(caught.value), one.url, two.url

    said, one, two = asyncio.run(go())
    assert one in said
    assert two in said
    assert "\n" not in said


def test_pool_of_which_nobody_answers_says_why():
    with pytest.raises(TeacherUnavailable, match=r"127\.0\.0\.1:9"):
        asyncio.run(open_pool([NOBODY, NOBODY], [None, None]))


def test_address_that_is_no_api_is_told_at_once_even_beside_a_good_one():
    async def go():
        good, wrong = PoolServer(), PoolServer()
        async with pool_servers(good, wrong):
            endpoints = [EndpointOptions(url=good.url), EndpointOptions(url=f"{wrong.url}/elsewhere")]
            with pytest.raises(TeacherNotFound):
                await open_pool(endpoints, [None, None])

    asyncio.run(go())
