"""An export in the service begins with what earlier claims have written of it."""

import shutil

import pytest

from reflectgen.errors import InputError
from reflectgen.export.verify import verify_export
from reflectgen.jobs.do_export import export
from reflectgen.jobs.recipe import Recipe
from reflectgen.store import corpus
from reflectgen.store.tasks import Claim
from tests.jobs.service_world import Service


def written(folder):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("train-*.parquet")}


def test_a_newer_claim_writes_only_what_an_older_one_has_not(tmp_path, any_store, monkeypatch):
    monkeypatch.setattr("reflectgen.corpus.ingest.LOOK_UP_ROWS", 4)
    monkeypatch.setattr("reflectgen.corpus.ingest.SHARD_ROWS", 4)
    service = Service(tmp_path, store=any_store)
    service.add_corpus([f"Leaf n{n} takes in light, and turns it into sugar." for n in range(16)])
    public_id = service.submit()
    service.deliver()
    service.worker.close()
    job, folder = service.job(public_id), service.job_folder(public_id)
    by_one_claim = service.export_folder(public_id)
    whole = {name: data for name, (_, data) in written(by_one_claim).items()}
    export_id = by_one_claim.name.rpartition("-")[0]
    shutil.rmtree(by_one_claim)
    recipe = Recipe.model_validate(job.recipe)
    with service.store.read() as connection:
        last = folder / corpus.shards(connection, job.id)[-1].corpus_file
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
