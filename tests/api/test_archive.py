"""A completed job's reflections, when they lie in files beside its corpus and no longer in the database."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reflectgen.jobs.archive import archive_job, restore_job
from reflectgen.store import archives, jobs
from tests.api.worlds import World

TEXTS = [f"{word} place number {n} lies by a river. It is wide there." for n in range(4) for word in ("A", "Some")]


def _found(here: World, job_id: str) -> jobs.Job:
    with here.store.read() as connection:
        job = jobs.find(connection, job_id)
    assert job is not None
    return job


def _archived(here: World, job_id: str) -> int:
    with here.store.read() as connection:
        return len(archives.archived(connection, _found(here, job_id).id))


def _folder(here: World, job_id: str):
    return here.settings.data / "jobs" / job_id


@pytest.fixture
def job_id(here: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job of several shards, one of whose reflections was rejected by a person."""
    monkeypatch.setattr("reflectgen.corpus.ingest.LOOK_UP_ROWS", 2)
    monkeypatch.setattr("reflectgen.corpus.ingest.SHARD_ROWS", 2)
    monkeypatch.setattr("reflectgen.store.pages.LOOK_SECONDS", 60.0)  # or a page may end early
    client = here.client("admin")
    found = here.finished_job(client, TEXTS)
    body = {"decision": "reject", "reviewer": "a person", "reason": "no", "verdict": "unsafe", "category": "hate"}
    assert client.post(f"/v1/jobs/{found}/reflections/1-0-0/review", json=body).status_code == 200
    return found


PAGES = st.fixed_dictionaries(
    {},
    optional={
        "verdict": st.sampled_from(["safe", "unsafe"]),
        "category": st.sampled_from(["none", "hate"]),
        "road": st.sampled_from(["teacher", "fallback", "template"]),
        "reason": st.sampled_from(["rejected_by_person", "length"]),
        "q": st.sampled_from(["PLACE", "river", "%", "river."]),
        "after": st.sampled_from(["0-0-0", "1-0-0", "1-1-9", "3-0-0", "9-0-0"]),
        "limit": st.integers(1, 9),
    },
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(params=PAGES, out=st.sets(st.integers(0, 3)))
def test_pages_and_counts_are_the_same_wherever_the_reflections_lie(
    here: World, job_id: str, params: dict[str, object], out: set[int]
) -> None:
    client, job, folder = here.client("admin"), _found(here, job_id), _folder(here, job_id)
    here.app.state.service.limiter._item.amount = 10**9
    page, counts = (f"/v1/jobs/{job_id}/{what}" for what in ("reflections", "counts"))
    restore_job(here.store, job.id, folder)
    before = client.get(page, params=params).json(), client.get(counts).json()
    num_shards = archive_job(here.store, job, folder)
    assert num_shards == 4
    for shard in {0, 1, 2, 3} - out:
        restore_job(here.store, job.id, folder, shard)
    assert _archived(here, job_id) == len(out)
    assert (client.get(page, params=params).json(), client.get(counts).json()) == before
    assert _archived(here, job_id) == len(out)


def test_a_review_of_an_archived_reflection_brings_back_its_shard_alone(here: World, job_id: str) -> None:
    client = here.client("admin")
    archive_job(here.store, _found(here, job_id), _folder(here, job_id))
    body = {"decision": "reject", "reviewer": "a person", "reason": "no", "verdict": "unsafe", "category": "hate"}
    assert client.post(f"/v1/jobs/{job_id}/reflections/2-0-0/review", json=body).status_code == 200
    assert _archived(here, job_id) == 3
    shown = client.get(f"/v1/jobs/{job_id}/reflections", params={"verdict": "unsafe"}).json()["data"]
    assert [one["id"] for one in shown] == ["1-0-0", "2-0-0"]


def test_a_job_is_archived_by_one_task_however_often_it_is_asked_for(here: World, job_id: str) -> None:
    client = here.client("submit", "read")
    assert client.post(f"/v1/jobs/{job_id}/archive").status_code == 404  # another's
    client = here.client("admin")
    for _ in range(2):
        assert client.post(f"/v1/jobs/{job_id}/archive").json()["ledger"]["tasks"]["archive"] == {"ready": 1}
    assert [bell.kind for bell in here.queue.rung].count("archive") == 1


def test_a_job_that_is_at_work_or_being_exported_is_not_archived(here: World, job_id: str) -> None:
    client = here.client("admin")
    assert client.post(f"/v1/jobs/{here.job(client)}/archive").status_code == 409
    client.post(f"/v1/jobs/{job_id}/exports", json={})
    refused = client.post(f"/v1/jobs/{job_id}/archive")
    assert refused.status_code == 409
    assert "export" in refused.json()["detail"]


def test_a_damaged_archive_is_said_to_be_unavailable_and_not_shown(here: World, job_id: str) -> None:
    client, folder = here.client("admin"), _folder(here, job_id)
    archive_job(here.store, _found(here, job_id), folder)
    first = min((folder / "reflections").iterdir())
    first.write_bytes(first.read_bytes()[:-1])
    for path in ("reflections", "counts"):
        answer = client.get(f"/v1/jobs/{job_id}/{path}")
        assert answer.status_code == 503
        assert first.name not in answer.text
    assert client.get(f"/v1/jobs/{job_id}/reflections?after=1-0-0").status_code == 200
