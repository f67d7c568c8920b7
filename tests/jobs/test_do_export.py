"""An export in the service begins with what earlier claims have written of it."""

import shutil

import pytest

from reflectgen.errors import InputError
from reflectgen.export.verify import verify_export
from reflectgen.jobs.do_export import export
from reflectgen.jobs.ledger import LeaseLost, Leases
from reflectgen.jobs.recipe import Recipe
from reflectgen.store import corpus
from reflectgen.store.tasks import Claim
from tests.jobs.service_world import Service


def written(folder):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("train-*.parquet")}


@pytest.fixture
def service(tmp_path, any_store, monkeypatch):
    """A service with one job of several shards."""
    monkeypatch.setattr("reflectgen.corpus.ingest.LOOK_UP_ROWS", 4)
    monkeypatch.setattr("reflectgen.corpus.ingest.SHARD_ROWS", 4)
    made = Service(tmp_path, store=any_store)
    made.add_corpus([f"Leaf n{n} takes in light, and turns it into sugar." for n in range(16)])
    yield made
    made.worker.close()


def last_shard(service, job, folder):
    with service.store.read() as connection:
        return folder / corpus.shards(connection, job.id)[-1].corpus_file


def export_task(service, public_id):
    return next((row for row in service.tasks(public_id) if row.kind == "export"), None)


def reflected(service):
    """Bring a job to where its export is the next thing to do."""
    public_id = service.submit()
    while export_task(service, public_id) is None:
        assert service.deliver(1)
    return public_id


def test_a_newer_claim_writes_only_what_an_older_one_has_not(service):
    public_id = service.submit()
    service.deliver()
    job, folder = service.job(public_id), service.job_folder(public_id)
    by_one_claim = service.export_folder(public_id)
    whole = {name: data for name, (_, data) in written(by_one_claim).items()}
    export_id = by_one_claim.name.rpartition("-")[0]
    shutil.rmtree(by_one_claim)
    recipe = Recipe.model_validate(job.recipe)
    last = last_shard(service, job, folder)
    last.rename(last.with_suffix(".away"))
    with pytest.raises(InputError):
        export(service.store, job, recipe, folder, Claim(9, job.id, "export", 0, 7))
    last.with_suffix(".away").rename(last)
    before = written(folder / "exports" / f"{export_id}-7")
    assert len(before) == len(whole) - 1 > 0

    name, _ = export(service.store, job, recipe, folder, Claim(9, job.id, "export", 0, 8))
    after = written(folder / name)
    assert before.items() < after.items()
    assert {name: data for name, (_, data) in after.items()} == whole
    assert verify_export(folder / name).ok
    assert [path.name for path in (folder / "exports").iterdir()] == [name.rpartition("/")[2]]


def test_each_shard_that_is_written_is_progress(service):
    public_id = reflected(service)
    job, folder = service.job(public_id), service.job_folder(public_id)
    service.alter_tasks(num_attempts=3)
    last_shard(service, job, folder).unlink()
    with Leases(service.store, 60.0, lambda: None) as leases:
        claim = leases.claim(export_task(service, public_id).id)
        assert export_task(service, public_id).num_attempts == 4
        with pytest.raises(InputError):
            export(leases.fenced, job, Recipe.model_validate(job.recipe), folder, claim)
    assert export_task(service, public_id).num_attempts == 0


def test_an_export_that_another_worker_has_taken_over_ends_with_its_next_shard(service):
    public_id = reflected(service)
    job, folder = service.job(public_id), service.job_folder(public_id)
    with Leases(service.store, 60.0, lambda: None) as leases:
        claim = leases.claim(export_task(service, public_id).id)
        service.alter_tasks(lease_expires_at=0.0)
        with Leases(service.store, 60.0, lambda: None) as newer:
            assert newer.claim(claim.id)
            with pytest.raises(LeaseLost):
                export(leases.fenced, job, Recipe.model_validate(job.recipe), folder, claim)
    assert len(written(folder / "exports")) == 1
