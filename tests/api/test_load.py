"""What is asked again and again, and what comes when too much is asked."""

from __future__ import annotations

import anyio.to_thread
import httpx2
import pytest

from reflectgen.api import surround
from reflectgen.api.limiting import Limiter
from tests.api.worlds import World


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/{job}", "/v1/jobs/{job}/exports"])
def test_a_moment_later_the_same_key_is_given_the_same_answer_and_another_key_is_not(here: World, path: str) -> None:
    here.app.state.service.lately.seconds = 60.0
    owner, other = here.client("read", "submit"), here.client("read", "submit")
    path = path.format(job=here.finished_job(owner))
    first = owner.get(path)
    with here.store.write() as connection:  # behind the application's back
        connection.exec_driver_sql("UPDATE job SET state = 'running'")
        connection.exec_driver_sql("UPDATE export SET folder = ''")
    assert owner.get(path).content == first.content
    assert other.get(path).status_code in (200, 404)
    assert other.get(path).content != first.content


def test_whoever_changes_a_job_sees_the_change_at_once(here: World) -> None:
    here.app.state.service.lately.seconds = 60.0
    client = here.client("read", "submit")
    job = here.job(client)
    assert client.get(f"/v1/jobs/{job}").json()["status"] == "validating"
    client.post(f"/v1/jobs/{job}/pause")
    assert client.get(f"/v1/jobs/{job}").json()["status"] == "paused"
    assert client.get("/v1/jobs").json()["data"][0]["status"] == "paused"
    another = here.job(client)
    assert client.get("/v1/jobs").json()["first_id"] == another
    client.post(f"/v1/jobs/{job}/cancel")
    client.delete(f"/v1/jobs/{job}")
    assert client.get(f"/v1/jobs/{job}").status_code == 404


async def _while_one_more_waits(here: World, path: str, token: str) -> httpx2.Response:
    """Return the answer to a request while every thread is taken and as many wait as may."""
    limiter = anyio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = 1
    async with limiter, anyio.create_task_group() as waiting:
        for _ in range(surround.MAX_WAITING):
            waiting.start_soon(anyio.to_thread.run_sync, lambda: None)
        await anyio.sleep(0.01)
        transport = httpx2.ASGITransport(app=here.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
            answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
        waiting.cancel_scope.cancel()
    return answer


def test_when_too_many_wait_a_request_is_told_to_come_again_and_the_process_still_says_that_it_lives(
    here: World,
) -> None:
    token = here.key("read")
    refused = anyio.run(_while_one_more_waits, here, "/v1/recipes", token)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["type"] == "urn:reflectgen:problem:unavailable"
    assert anyio.run(_while_one_more_waits, here, "/healthz", token).status_code == 200


def test_a_key_gets_its_limit_exactly_though_requests_are_counted_several_at_a_time() -> None:
    async def ask() -> list[bool]:
        limiter = Limiter(530, None)
        return [(await limiter.take("key")).is_granted for _ in range(600)]

    granted = anyio.run(ask)
    assert granted == [True] * 530 + [False] * 70


def test_what_a_key_has_left_goes_down_by_one_with_each_request() -> None:
    async def ask() -> list[int]:
        limiter = Limiter(300, None)
        return [(await limiter.take("key")).remaining for _ in range(7)]

    assert anyio.run(ask) == [299, 298, 297, 296, 295, 294, 293]
