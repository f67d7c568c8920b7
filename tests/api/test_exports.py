"""Exports over HTTP: what the manifest lists, whole or in ranges, and no other file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.api.worlds import World, world


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service for all tests here, which leave its export as it is: a job takes a second to do."""
    with world(tmp_path_factory.mktemp("service") / "data") as made:
        yield made


@pytest.fixture(scope="module")
def export(here: World):
    client = here.client("read", "submit")
    job_id = here.finished_job(client)
    shown = client.get(f"/v1/jobs/{job_id}/exports").json()["data"][0]
    return client, f"/v1/jobs/{job_id}/exports/{shown['id']}", shown


def test_every_listed_file_comes_whole_with_the_hash_that_is_listed(export) -> None:
    client, at, shown = export
    assert {file["name"] for file in shown["files"]} == {
        "parquet/train-00000-of-00001.parquet",
        "manifest.json",
        "README.md",
    }
    for file in shown["files"]:
        answer = client.get(f"{at}/files/{file['name']}")
        assert (answer.status_code, len(answer.content)) == (200, file["num_bytes"])
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
        found = hashlib.sha256(answer.content).hexdigest()
        expected = {"manifest.json": shown["manifest_sha256"]}.get(file["name"], file["sha256"])
        assert expected in (None, found)


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=5-", 206, slice(5, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=3-999999999", 206, slice(3, None)),
        ("bytes=9-3", 200, slice(None)),
        ("lines=0-3", 200, slice(None)),
        ("bytes=0-1,3-4", 200, slice(None)),
        ("bytes=99999999-", 416, None),
        ("bytes=-0", 416, None),
    ],
)
def test_ranges_are_what_rfc_9110_says(export, wanted: str, status: int, part: slice | None) -> None:
    client, at, _ = export
    whole = client.get(f"{at}/files/manifest.json").content
    answer = client.get(f"{at}/files/manifest.json", headers={"Range": wanted})
    assert answer.status_code == status
    if part is None:
        assert answer.headers["content-range"] == f"bytes */{len(whole)}"
        assert answer.json()["type"] == "urn:reflectgen:problem:range-not-satisfiable"
    else:
        assert answer.content == whole[part]


@pytest.mark.parametrize(
    "name",
    [
        "../../../reflectgen.sqlite",
        "..%2f..%2f..%2freflectgen.sqlite",
        "%2e%2e/whole/manifest.json",
        "/etc/passwd",
        "parquet",
        "parquet/secret.txt",
        "manifest.json%00",
        "",
    ],
)
def test_no_name_leads_to_any_other_file(here: World, export, name: str) -> None:
    client, at, _ = export
    (folder,) = (here.settings.data / "jobs").glob("*/exports/whole")
    (folder / "parquet" / "secret.txt").write_text("canary")
    answer = client.get(f"{at}/files/{name}")
    assert answer.status_code == 404
    assert "canary" not in answer.text


def test_an_export_is_asked_for_and_shown_as_under_way(here: World, export) -> None:
    client, at, _ = export
    job_at = at.rpartition("/exports")[0]
    answer = client.post(f"{job_at}/exports", json={"formats": ["jsonl", "standoff"]})
    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["formats"]) == ("in_progress", ["jsonl", "standoff"])
    assert here.queue.rung[-1].kind == "export"
    assert client.get(f"{job_at}/exports/{answer.json()['id']}/files/manifest.json").status_code == 404
