"""Reading reflections in pages, and a person's word on one."""

from __future__ import annotations

import pytest

from reflectgen.export.verify import verify_export
from reflectgen.jobs.export_job import export_job
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.recipe import Recipe
from reflectgen.store import jobs, pages
from reflectgen.store.counts import count_job
from tests.api.worlds import World
from tests.jobs.worlds import varied

XSS = "<script>alert('canary')</script> <img src=x onerror=alert(1)> is what it says."


@pytest.fixture
def client(here: World):
    return here.client("read", "submit", "review")


def _all(client, job_id: str, query: str = "", limit: int = 3) -> list[dict]:
    rows, after = [], ""
    while True:
        page = client.get(f"/v1/jobs/{job_id}/reflections?limit={limit}{query}{after}").json()
        rows += page["data"]
        if not page["has_more"]:
            return rows
        after = f"&after={page['last_id']}"


def test_pages_hold_every_chunk_once_in_order_with_its_text(here: World, client, monkeypatch) -> None:
    texts = [f"{varied(str(n))} It ended." for n in range(6)]
    job_id = here.finished_job(client, texts)
    rows = _all(client, job_id)
    joined: dict[str, str] = {}
    for row in rows:
        joined[row["document_id"]] = joined.get(row["document_id"], "") + row["text"]
    assert list(joined.values()) == texts
    monkeypatch.setattr(pages, "WINDOW_CHUNKS", 1)
    assert _all(client, job_id, limit=1) == rows


def test_filters_and_search_find_what_they_say(here: World, client) -> None:
    job_id = here.finished_job(client)
    rows = _all(client, job_id)
    for name in ("verdict", "category", "road"):
        for value in {row[name] for row in rows}:
            assert _all(client, job_id, f"&{name}={value}") == [row for row in rows if row[name] == value]
    assert _all(client, job_id, "&verdict=unsafe") == []
    word = next((row["rationale"] for row in rows if row["rationale"]), "").split(" ")[0]
    found = _all(client, job_id, f"&q={word.upper()}") if word else []
    assert found == [row for row in rows if word and word in row["rationale"]]
    assert _all(client, job_id, "&q=%25") == []  # a per cent sign is a per cent sign


def test_markup_in_a_corpus_comes_back_as_data_that_no_browser_runs(here: World, client) -> None:
    job_id = here.finished_job(client, [XSS, "Another day entirely."])
    answer = client.get(f"/v1/jobs/{job_id}/reflections")
    assert any("<script>" in row["text"] for row in answer.json()["data"])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_what_a_person_accepts_stays_and_is_noted(here: World, client) -> None:
    job_id = here.finished_job(client)
    (first, *_) = _all(client, job_id)
    body = {"decision": "accept", "reviewer": "maria", "reason": "good", "revision": first["revision"]}
    shown = client.post(f"/v1/jobs/{job_id}/reflections/{first['id']}/review", json=body).json()
    assert {**shown, "reviews": []} == first
    assert [(r["decision"], r["reviewer"], r["reason"]) for r in shown["reviews"]] == [("accept", "maria", "good")]
    assert client.get(f"/v1/jobs/{job_id}").json()["stale_exports"] == []


def test_what_a_person_rejects_gives_way_to_the_template_in_new_exports_too(here: World, client, tmp_path) -> None:
    job_id = here.finished_job(client)
    (first, *others) = _all(client, job_id)
    body = {"decision": "reject", "reviewer": "maria", "reason": "not so", "verdict": "unsafe", "category": "hate"}
    shown = client.post(f"/v1/jobs/{job_id}/reflections/{first['id']}/review", json=body).json()
    assert (shown["verdict"], shown["category"], shown["rationale"], shown["road"]) == (
        "unsafe",
        "hate",
        "",
        "fallback",
    )
    assert shown["revision"] == first["revision"] + 2
    assert shown["reviews"][0]["revision"] == first["revision"]
    assert _all(client, job_id) == [shown, *others]
    assert [row["id"] for row in _all(client, job_id, "&reason=rejected_by_person")] == [first["id"]]
    export = client.get(f"/v1/jobs/{job_id}/exports").json()["data"][0]
    assert export["is_stale"] is True
    assert client.get(f"/v1/jobs/{job_id}").json()["stale_exports"] == [export["id"]]
    with here.store.read() as connection:
        job = jobs.find(connection, job_id)
        assert job
        assert count_job(connection, job.id).balanced
    recipe = Recipe(**job.recipe)
    folder = here.settings.data / "jobs" / job_id
    export_job(here.store, job, folder, tmp_path / "out", recipe.formats, recipe.form, Progress())
    report = verify_export(tmp_path / "out")
    assert report.ok, report.problems
    assert "hate" in (tmp_path / "out" / "manifest.json").read_text()


def test_a_rejection_without_a_verdict_never_makes_a_chunk_milder(here: World, client) -> None:
    job_id = here.finished_job(client)
    at = f"/v1/jobs/{job_id}/reflections/{_all(client, job_id)[0]['id']}/review"
    unsafe = {"decision": "reject", "reviewer": "m", "verdict": "unsafe", "category": "privacy"}
    assert client.post(at, json=unsafe).status_code == 200
    again = client.post(at, json={"decision": "reject", "reviewer": "m"})
    assert again.status_code == 409  # the template already
    assert _all(client, job_id)[0]["verdict"] == "unsafe"


def test_a_review_of_what_was_replaced_meanwhile_is_refused(here: World, client) -> None:
    job_id = here.finished_job(client)
    first = _all(client, job_id)[0]
    body = {"decision": "accept", "reviewer": "m", "revision": first["revision"] + 1}
    answer = client.post(f"/v1/jobs/{job_id}/reflections/{first['id']}/review", json=body)
    assert (answer.status_code, "look again" in answer.json()["detail"]) == (409, True)


def test_a_job_that_is_not_finished_takes_no_review(here: World, client) -> None:
    job_id = here.job(client)
    body = {"decision": "accept", "reviewer": "m"}
    answer = client.post(f"/v1/jobs/{job_id}/reflections/0-0-0/review", json=body)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:reflectgen:problem:conflict")
    finished = here.finished_job(client)
    assert client.post(f"/v1/jobs/{finished}/reflections/9-9-9/review", json=body).status_code == 404
