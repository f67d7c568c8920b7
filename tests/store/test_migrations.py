"""Rows that an earlier version wrote come through an upgrade as they were, on both databases."""

import pytest
from sqlalchemy import MetaData, select

from reflectgen.export.formats import Format
from reflectgen.jobs.export_job import export_job
from reflectgen.jobs.progress import Progress
from reflectgen.reflection.form import FormOptions
from reflectgen.store import Store, jobs
from reflectgen.store.engine import Address, migrate, newest_revision
from tests.jobs.service_world import Service

TEXTS = [" ".join(f"Sentence s{d}x{n} speaks calmly of boats and gulls." for n in range(30)) for d in range(12)]
BOTH = [(kind, revision) for kind in ("sqlite", "postgresql") for revision in ("0001", "0002")]


@pytest.fixture
def service(tmp_path):
    """A job that was done from beginning to end, and what else a service keeps of it."""
    (tmp_path / "then").mkdir()
    made = Service(tmp_path / "then")
    made.add_corpus([*TEXTS, "NUL \x00 and \x1a."])
    made.job_id = made.submit()
    made.deliver()
    assert made.status(made.job_id) == "completed"
    yield made
    made.worker.close()
    made.store.close()


def rows_of(url, like):
    """Every row of the tables and columns of `like`, by the table's name."""
    engine, found = Address.of(url).engine(), MetaData()
    found.reflect(engine)
    rows = {}
    with engine.connect() as connection:
        for name, table in like.tables.items():
            columns = [found.tables[name].c[column.name] for column in table.c]
            rows[name] = sorted((dict(row) for row in connection.execute(select(*columns)).mappings()), key=repr)
    engine.dispose()
    return rows


@pytest.mark.parametrize(("kind", "revision"), [*BOTH, ("sqlite", "0003"), ("sqlite", "0004")])
def test_a_finished_job_of_an_earlier_schema_keeps_every_row_and_exports_the_same_bytes(
    kind, revision, service, tmp_path, request
):
    url = (
        request.getfixturevalue("empty_database_url") if kind == "postgresql" else f"sqlite:///{tmp_path / 'a.sqlite'}"
    )
    engine, then = Address.of(url).engine(), MetaData()
    migrate(engine, revision)
    then.reflect(engine)
    then.remove(then.tables["alembic_version"])
    written = rows_of(f"sqlite:///{service.folder / 'service.sqlite'}", like=then)
    assert written["reflection"] and written["document"] and ("task" in written) == (revision > "0001")
    with engine.begin() as connection:
        for table in then.sorted_tables:
            if written.get(table.name):
                connection.execute(table.insert(), written[table.name])
    engine.dispose()

    with Store.at(url) as store:
        with store.read() as connection:
            job = jobs.get(connection, 1)
        assert store.revision() == newest_revision()
        assert rows_of(url, like=then) == written
        folder, form = service.job_folder(service.job_id), FormOptions(**job.recipe["form"])
        export_job(store, job, folder, tmp_path / "out", [Format.PARQUET], form, Progress())
    name = "parquet/train-00000-of-00001.parquet"
    assert (tmp_path / "out" / name).read_bytes() == (service.export_folder(service.job_id) / name).read_bytes()
