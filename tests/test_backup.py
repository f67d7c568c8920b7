"""Back up a service at work, lose it, restore it elsewhere: the commands are those of docs/operating.md."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reflectgen.export.verify import verify_export
from reflectgen.store import Store, keys
from tests.jobs.service_world import Service
from tests.servers import _postgres_programs

OPERATING = Path(__file__).resolve().parents[1] / "docs" / "operating.md"
TEXTS = [
    " ".join(f"Sentence s{d}x{n} speaks calmly of boats and gulls today." for n in range(40)) for d in range(400)
]  # three shards

DUMP = 'pg_dump --format=custom --file=service.dump "$REFLECTGEN_DATABASE_URL"'
RESTORE = 'pg_restore --no-owner --exit-on-error --dbname="$REFLECTGEN_DATABASE_URL" service.dump'
COPY = (
    "python3 -c \"import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('VACUUM INTO ?', sys.argv[2:])\" "
    '"$REFLECTGEN_DATA/reflectgen.sqlite" service.sqlite'
)


def shell(command, folder, **environ):
    assert command in OPERATING.read_text(), "the page says something else"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if shutil.which("pg_dump") is None and command.startswith("pg_"):
        path += f":{_postgres_programs()}"
    return subprocess.run(command, shell=True, check=True, cwd=folder, env={**os.environ, **environ, "PATH": path})


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def service(kind, tmp_path, request):
    data = tmp_path / "data"
    data.mkdir()
    url = f"sqlite:///{data / 'reflectgen.sqlite'}" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    made = Service(data, store=Store.at(url))
    made.add_corpus(TEXTS)
    made.url = url
    yield made
    made.worker.close()
    made.store.close()


@pytest.fixture
def restore(kind, tmp_path, request):
    """A function that returns a service on what was backed up."""
    made = []

    def restore():
        data = tmp_path / "restored"
        shutil.copytree(tmp_path / "files", data)
        if kind == "sqlite":
            url = f"sqlite:///{data / 'reflectgen.sqlite'}"
            shutil.copy(tmp_path / "service.sqlite", data / "reflectgen.sqlite")
        else:
            url = request.getfixturevalue("postgres_server").create_database()
            shell(RESTORE, tmp_path, REFLECTGEN_DATABASE_URL=url)
        made.append(Service(data, store=Store.at(url)))
        return made[0]

    yield restore
    for service in made:
        service.worker.close()
        service.store.close()


def back_up_database(service, folder, kind):
    if kind == "sqlite":
        shell(COPY, folder, REFLECTGEN_DATA=str(service.folder))
    else:
        shell(DUMP, folder, REFLECTGEN_DATABASE_URL=service.url)


def copy_files(service, folder):
    left_out = shutil.ignore_patterns("reflectgen.sqlite*")  # as `rsync --exclude` in the page
    shutil.copytree(service.folder, folder / "files", ignore=left_out)


def exported(service, job_id):
    """The bytes of an export's files; of its manifest all but the time."""
    folder = service.export_folder(job_id)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    manifest = json.loads(files.pop("manifest.json"))
    return files, manifest | {"created_at": ""}


def test_a_job_in_the_middle_ends_after_a_restore_with_the_export_of_an_undisturbed_one(
    service, kind, tmp_path, restore
):
    job_id = service.submit()
    service.deliver(1)
    assert {row.state for row in service.tasks(job_id)} == {"done", "ready"}, "the job is to be in the middle"
    back_up_database(service, tmp_path, kind)
    assert len(service.tasks(job_id)) > 2
    service.deliver(1)  # what happens after the database was copied: files that no row of the copy names
    copy_files(service, tmp_path)
    service.deliver()
    expected = exported(service, job_id)

    again = restore()
    assert again.status(job_id) == "in_progress"
    again.reconcile()
    again.deliver()
    assert again.status(job_id) == "completed"
    assert verify_export(again.export_folder(job_id)).problems == []
    assert exported(again, job_id) == expected


def test_finished_jobs_and_keys_are_there_after_a_restore_and_the_service_takes_new_jobs(
    service, kind, tmp_path, restore
):
    with service.store.write() as connection:
        keys.add(connection, "key1", "a key", "0" * 64, ("read",), None)
    job_id = service.submit(service.add_corpus(TEXTS[:5], "corpus_2"))
    service.deliver()
    expected = exported(service, job_id)
    back_up_database(service, tmp_path, kind)
    copy_files(service, tmp_path)

    again = restore()
    assert again.status(job_id) == "completed"
    assert exported(again, job_id) == expected
    with again.store.read() as connection:
        assert [key.id for key in keys.every(connection)] == ["key1"]
    second = again.submit(again.add_corpus(TEXTS[5:8], "corpus_3"))
    again.deliver()
    assert again.status(second) == "completed"
