"""The whole schema, held against the application: no 5xx, no status and no shape that is not documented."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from reflectgen.api.examples import EXAMPLES
from reflectgen.api.problems import PREFIX, TITLES
from tests.api.worlds import World, world, write_registry

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    unsupported_method,
]
IDS: dict[str, str] = {}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("schema")
    with world(folder / "data", requests_per_minute=10**6, registry=write_registry(folder)) as here:
        client = here.client("admin")
        job_id = here.finished_job(client)
        IDS["job_id"], IDS["corpus_id"] = job_id, client.get(f"/v1/jobs/{job_id}").json()["corpus"]
        IDS["export_id"] = client.get(f"/v1/jobs/{job_id}/exports").json()["data"][0]["id"]
        IDS["training_id"] = here.finished_training(job_id)
        IDS["place"] = client.get(f"/v1/jobs/{job_id}/reflections").json()["data"][0]["id"]
        IDS["token"] = here.key("admin")
        yield here


@pytest.mark.parametrize("tag", ["corpora", "jobs", "reflections", "exports", "trainings", "offers", "health"])
def test_every_operation_answers_as_documented(service: World, tag: str, without_children: None) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", service.app)
    for found in schema.include(tag=tag).get_all_operations():
        for mode in schemathesis.GenerationMode:
            _hold(found.ok(), mode)


def _hold(operation: schemathesis.APIOperation, mode: schemathesis.GenerationMode) -> None:
    """Send what fits the schema, or what does not."""

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=25, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    def answers_as_documented(case: schemathesis.Case) -> None:
        if mode.is_positive:
            _use_things_that_are_there(case)
        case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {IDS['token']}"})

    with suppress(Unsatisfiable):  # some operations take nothing that could be wrong
        answers_as_documented()


def _use_things_that_are_there(case: schemathesis.Case) -> None:
    """Half of the ids that fit become those of things that are there, which few would be by chance."""
    if case.method == "DELETE":
        return
    for name, value in (case.path_parameters or {}).items():
        if name in IDS and str(value)[-1:] in "01234567":
            case.path_parameters[name] = IDS[name]
    if isinstance(case.body, dict) and str(case.body.get("corpus", ""))[-1:] not in "abc":
        case.body["corpus"] = IDS["corpus_id"]
    if isinstance(case.body, dict) and str(case.body.get("training", ""))[-1:] not in "abc":
        case.body["training"] = "nano"


@pytest.fixture(scope="module")
def without_children() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # A process for each upload is slow, and tested elsewhere.
        patch.setattr("reflectgen.api.routes.corpora.check_file", lambda source: 0)
        yield


def test_the_schema_is_whole(here: World) -> None:
    schema = here.app.openapi()
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation["description"] or operation["summary"], path
            if "security" in operation:
                assert {"401", "403", "429", "422", "400", "500", "503"} <= set(operation["responses"]), (method, path)
            for status, response in operation["responses"].items():
                if status >= "400" and (path, status) != ("/readyz", "503"):
                    assert list(response["content"]) == ["application/problem+json"], (path, status)
            assert operation["tags"], (method, path)
            for parameter in operation.get("parameters", ()):
                assert parameter["description"], (method, path, parameter["name"])
    assert "HTTPValidationError" not in str(schema)


def test_what_each_operation_takes_and_gives_has_an_example_that_fits_its_schema(here: World) -> None:
    schema = here.app.openapi()
    shown = set()
    for operations in schema["paths"].values():
        for operation in operations.values():
            for place in (operation.get("requestBody", {}), *operation["responses"].values()):
                for media_type, content in place.get("content", {}).items():
                    if media_type.endswith("json"):
                        shown.add(content["schema"]["$ref"].removeprefix("#/components/schemas/"))
    assert shown == EXAMPLES.keys()
    for name in shown:
        found = {"$ref": f"#/components/schemas/{name}", "components": schema["components"]}
        (example,) = schema["components"]["schemas"][name]["examples"]
        jsonschema_rs.Draft202012Validator(found).validate(example)


def test_every_kind_of_problem_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    for kind in TITLES:
        assert f"`{PREFIX}{kind}`" in text, kind


def test_every_operation_is_in_the_documentation(here: World) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    for path, operations in here.app.openapi()["paths"].items():
        for method in operations:
            assert f"{method.upper()} {path}" in text, path


def test_errors_of_every_kind_are_problems(here: World) -> None:
    client = here.client("read", "submit")
    answers = {
        "not-found": client.get("/nowhere"),
        "method-not-allowed": client.put("/v1/jobs"),
        "invalid-request": client.get("/v1/jobs?limit=1000"),
        "unauthorized": client.get("/v1/jobs", headers={"Authorization": "Bearer x"}),
        "unusable-recipe": client.post("/v1/jobs", json={"corpus": here.corpus(client), "recipe": "no"}),
    }
    for kind, answer in answers.items():
        body = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (body["type"], body["title"], body["status"]) == (PREFIX + kind, TITLES[kind], answer.status_code)
    assert answers["method-not-allowed"].headers["allow"]
    assert "1000" not in answers["invalid-request"].text


def test_a_bug_is_a_problem_that_tells_nothing(here: World, monkeypatch) -> None:
    def broken(*_args: object) -> None:
        raise ValueError("canary")

    monkeypatch.setattr("reflectgen.store.pages.jobs_page", broken)
    answer = here.client("read").get("/v1/jobs")
    assert (answer.status_code, answer.json()["type"]) == (500, PREFIX + "internal-error")
    assert "canary" not in answer.text
