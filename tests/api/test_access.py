"""Keys: nothing happens without one, nobody does what theirs does not allow, nobody sees what is another's."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from starlette.routing import Route

from reflectgen.api import access
from reflectgen.store import keys
from tests.api.worlds import World, world

OPEN = {"/healthz", "/readyz", "/metrics", "/openapi.json"}


def _operations(here: World) -> list[tuple[str, str]]:
    found = []
    for path, operations in here.app.openapi()["paths"].items():
        filled = path.format(
            corpus_id="corpus_" + "0" * 24, job_id="job_" + "0" * 24, export_id="export_" + "0" * 24,
            training_id="training_" + "0" * 24, place="0-0-0", name="manifest.json",
        )  # fmt: skip
        found += [(method.upper(), filled) for method in operations if path not in OPEN]
    return found


def test_no_route_but_those_of_health_answers_without_a_key(here: World) -> None:
    client = here.client(token="none")
    operations = _operations(here)
    assert len(operations) >= 19
    for token in ("", "Bearer ", "Bearer rg_0123456789abcdef_" + "x" * 43, "Basic eDp5"):
        client.headers["Authorization"] = token
        for method, path in operations:
            answer = client.request(method, path)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"


def test_every_route_is_either_open_or_asks_for_a_key(here: World) -> None:
    documented = set(here.app.openapi()["paths"]) | OPEN
    routed = {route.path for route in here.app.routes if isinstance(route, Route)}
    assert {path.replace(":path", "") for path in routed} <= documented


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("submit", "GET", "/v1/jobs"),
        ("review", "GET", "/v1/jobs"),
        ("read", "POST", "/v1/corpora"),
        ("read", "DELETE", "/v1/jobs/job_" + "0" * 24),
        ("read", "POST", f"/v1/jobs/job_{'0' * 24}/cancel"),
        ("review", "POST", f"/v1/jobs/job_{'0' * 24}/exports"),
        ("submit", "POST", f"/v1/jobs/job_{'0' * 24}/reflections/0-0-0/review"),
    ],
)
def test_a_key_does_nothing_beyond_its_scopes(here: World, scope: str, method: str, path: str) -> None:
    body = {"decision": "accept", "reviewer": "m"} if path.endswith("review") else {}
    answer = here.client(scope).request(method, path, json=body)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:reflectgen:problem:forbidden")


def test_a_wrong_secret_an_expired_key_and_a_revoked_one_are_refused(here: World, monkeypatch) -> None:
    monkeypatch.setattr(access, "REMEMBERED_SECONDS", 0.0)
    token = here.key("read")
    assert here.client(token=token).get("/v1/jobs").status_code == 200
    assert here.client(token=token[:-1] + ("A" if token[-1] != "A" else "B")).get("/v1/jobs").status_code == 401
    assert here.client(token=here.key("read", expires_at=time.time() - 1)).get("/v1/jobs").status_code == 401
    with here.store.write() as connection:
        keys.revoke(connection, token.split("_")[1])
    assert here.client(token=token).get("/v1/jobs").status_code == 401


def test_a_revoked_key_is_remembered_for_two_seconds_at_most(here: World) -> None:
    assert 0 < access.REMEMBERED_SECONDS <= 2


def test_only_the_hash_of_a_secret_is_kept_and_when_it_was_used(here: World) -> None:
    token = here.key("read")
    here.client(token=token).get("/v1/jobs")
    with here.store.read() as connection:
        key = keys.get(connection, token.split("_")[1])
    assert key is not None
    assert key.last_used_at is not None
    assert token.split("_", 2)[2] not in repr(key)


def test_a_key_sees_its_own_things_and_an_administrator_all(here: World) -> None:
    mine, other, admin = here.client("read", "submit"), here.client("read", "submit", "review"), here.client("admin")
    job_id = here.finished_job(mine)
    corpus_id = mine.get("/v1/corpora").json()["data"][0]["id"]
    export_id = mine.get(f"/v1/jobs/{job_id}/exports").json()["data"][0]["id"]
    at = f"/v1/jobs/{job_id}"
    paths = [at, f"{at}/counts", f"{at}/events", f"{at}/reflections", f"{at}/exports", f"{at}/exports/{export_id}"]
    paths += [f"/v1/corpora/{corpus_id}", f"{at}/exports/{export_id}/files/manifest.json"]
    for path in paths:
        assert mine.get(path).status_code == 200, path
        assert admin.get(path).status_code == 200, path
        assert other.get(path).status_code == 404, path
    for action in ("cancel", "pause", "resume", "retry", "exports", "reflections/0-0-0/review"):
        body = {"decision": "accept", "reviewer": "m"} if action.endswith("review") else {}
        assert other.post(f"{at}/{action}", json=body).status_code == 404, action
    assert other.delete(at).status_code == 404
    assert other.post("/v1/jobs", json={"corpus": corpus_id}).status_code == 422
    assert other.get("/v1/jobs").json()["data"] == other.get("/v1/corpora").json()["data"] == []
    assert other.get(f"/v1/jobs?after={job_id}").status_code == 404
    assert [one["id"] for one in admin.get("/v1/jobs").json()["data"]] == [job_id]


def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with world(tmp_path / "data", requests_per_minute=5) as here:
        client, other = here.client("read"), here.client("read")
        answers = [client.get("/v1/jobs") for _ in range(7)]
        assert [one.status_code for one in answers] == [200] * 5 + [429] * 2
        assert answers[0].headers["ratelimit"].startswith('"key";r=4;t=')
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert answers[-1].json()["type"] == "urn:reflectgen:problem:rate-limited"
        assert other.get("/v1/jobs").status_code == 200


def test_keys_are_counted_in_redis_where_there_is_one_and_here_while_it_is_away(
    tmp_path: Path, redis_url: str, redis_server, monkeypatch
) -> None:
    with world(tmp_path / "data", requests_per_minute=3, redis_url=redis_url) as here:
        token = here.key("read")
        with here.client(token=token) as client:
            statuses = [client.get("/v1/jobs").status_code for _ in range(2)]
        twin = world(tmp_path / "more", store=here.store, requests_per_minute=3, redis_url=redis_url)
        with twin as other, other.client(token=token) as client:
            statuses += [client.get("/v1/jobs").status_code for _ in range(2)]
            assert statuses == [200, 200, 200, 429]
            redis_server.stop()
            try:
                assert client.get("/v1/jobs").status_code == 200
            finally:
                redis_server.start()


def test_a_host_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    with world(tmp_path / "data", allowed_hosts=("api.example", "*.inner.example")) as here:
        client = here.client("read")
        statuses = {
            host: client.get("/healthz", headers={"Host": host}).status_code
            for host in ("api.example", "API.example:8000", "a.inner.example", "other.example", "a/b", "x@api.example")
        }
    assert list(statuses.values()) == [200, 200, 200, 400, 400, 400]
