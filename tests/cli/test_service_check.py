"""What `doctor` says of the service's servers, told by real ones."""

import subprocess
import time
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from reflectgen.cli.service_check import check_service
from reflectgen.settings import ServiceSettings
from reflectgen.store import Store
from tests.servers import free_port


def _found(**values):
    secret = {name: SecretStr(url) for name, url in values.items() if name.endswith("_url")}
    return {finding.what: finding for finding in check_service(ServiceSettings(**(values | secret)))}


def _not_ok(found):
    return [name for name, finding in found.items() if not finding.ok]


def test_a_service_that_is_set_up_well_passes_every_check(postgres_url, redis_url, tmp_path):
    found = _found(database_url=postgres_url, redis_url=redis_url, data=tmp_path)
    assert _not_ok(found) == []
    assert {"database schema", "database clock", "redis password", "redis eviction", "redis persistence"} <= set(found)
    assert "builtin" in found["registry"].found


def test_nothing_is_said_of_a_service_that_the_environment_does_not_name(tmp_path):
    assert _found(data=tmp_path) == {}


def test_no_finding_holds_a_password(postgres_server, redis_server, postgres_url, redis_url, tmp_path):
    for database, queue in [
        (postgres_url, redis_url),
        (postgres_url + "-gone", redis_url.replace("only-for", "wrong")),
    ]:
        found = _found(database_url=database, redis_url=queue, data=tmp_path)
        assert not any(postgres_server.password in finding.found for finding in found.values())


def test_an_old_schema_is_told_with_its_remedy(empty_database_url, tmp_path):
    found = _found(database_url=empty_database_url, data=tmp_path)
    assert _not_ok(found) == ["database schema"]
    assert "reflectgen db upgrade" in found["database schema"].found


def test_servers_that_are_away_are_told_apart_from_wrong_passwords(redis_url, tmp_path):
    nowhere = f"127.0.0.1:{free_port()}"
    found = _found(database_url=f"postgresql://a:b@{nowhere}/c", redis_url=f"redis://:b@{nowhere}/0", data=tmp_path)
    assert {"database", "redis"} == set(_not_ok(found))
    assert "does not answer" in found["redis"].found
    wrong = _found(redis_url=redis_url.replace("only-for-tests", "wrong"), data=tmp_path)
    assert "refuses the password" in wrong["redis"].found


def test_a_redis_that_forgets_evicts_and_lets_anybody_in_fails_three_checks(redis_server, tmp_path):
    port = free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen([*command, "--maxmemory-policy", "allkeys-lru"], stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        found = _found(redis_url=f"redis://127.0.0.1:{port}/0", data=tmp_path)
    finally:
        server.terminate()
        server.wait()
    assert _not_ok(found) == ["redis password", "redis eviction", "redis persistence"]


def test_a_clock_that_differs_is_told(postgres_url, tmp_path, monkeypatch):
    right = Store.now
    monkeypatch.setattr(Store, "now", staticmethod(lambda connection: right(connection) - 60))
    found = _found(database_url=postgres_url, data=tmp_path)
    assert _not_ok(found) == ["database clock"]
    assert "60.0 s behind" in found["database clock"].found


def test_a_data_folder_that_is_not_there_and_a_registry_that_cannot_be_read_are_told(redis_url, tmp_path):
    found = _found(redis_url=redis_url, data=Path(tmp_path / "absent"), registry=tmp_path / "absent.toml")
    assert _not_ok(found) == ["data folder", "registry"]


def _wait_for(port):
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        try:
            with redis.Redis(port=port) as client:
                client.ping()
                return
        except redis.exceptions.ConnectionError:
            time.sleep(0.05)
    pytest.fail("redis-server does not answer")
