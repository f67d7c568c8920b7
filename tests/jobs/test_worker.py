import json
import threading
import time

import pytest

from reflectgen.errors import RecipeError
from reflectgen.export.verify import verify_export
from reflectgen.jobs.archive import archive_job
from reflectgen.jobs.export_request import ExportRequest
from reflectgen.jobs.ledger import LeaseLost, Leases
from reflectgen.jobs.registry import Registry
from reflectgen.jobs.service import request_archive, request_export, resume, retry, stop
from reflectgen.shards import read_documents
from reflectgen.store import archives, events, tasks
from tests.cli.background_server import background, good_answer
from tests.jobs.service_world import Service
from tests.llm.fault_server import http

TEXTS = [" ".join(f"Sentence s{d}x{n} speaks calmly of boats and gulls today." for n in range(40)) for d in range(30)]


@pytest.fixture
def service(tmp_path, any_store):
    made = Service(tmp_path, store=any_store)
    made.add_corpus(TEXTS)
    yield made
    made.worker.close()


def kinds_of_events(service, job_id):
    with service.store.read() as connection:
        return [event.kind for event in events.after(connection, service.job(job_id).id, 0, 1000)]


def test_a_submitted_job_goes_from_plan_to_a_verified_export(service):
    job_id = service.submit()
    assert service.status(job_id) == "validating"
    service.deliver()
    assert service.status(job_id) == "completed"
    counts = service.counts(job_id)
    assert counts.balanced
    assert counts.num_documents == len(TEXTS)
    assert verify_export(service.export_folder(job_id)).problems == []
    seen = kinds_of_events(service, job_id)
    assert seen[0] == "submitted"
    assert seen[-1] == "completed"
    assert all(row.state == "done" for row in service.tasks(job_id))


def test_what_a_database_refuses_goes_through_a_job_and_comes_out_as_it_was(service):
    rows = [
        {"id": f"d\x00{n}\x1a", "text": f"{TEXTS[n]} A \x00 and a \x1a0000.", "meta\x00": f"\x1a\x00{n}"}
        for n in range(3)
    ]
    broken = [{"id": "half", "text": "half \ud83d of a face"}, {"id": "half \udc00", "text": "whole"}]
    path = service.folder / "refused.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows + broken))
    job_id = service.submit(service.add_corpus([], "refused", path=path))
    service.deliver()
    assert service.status(job_id) == "completed", service.job(job_id).error
    counts = service.counts(job_id)
    assert counts.balanced
    assert counts.num_rows == 5
    folder = service.export_folder(job_id)
    assert verify_export(folder).problems == []
    (shard,) = (service.job_folder(job_id) / "corpus").iterdir()
    kept = {document.id: document for document in read_documents(shard)}
    assert len(kept) == counts.num_documents
    for row in rows:
        assert kept[row["id"]].text == row["text"]
        assert json.loads(kept[row["id"]].metadata)["meta\x00"] == row["meta\x00"]


def test_lost_messages_are_rung_again_by_the_reconciler(service):
    job_id = service.submit()
    for _ in range(20):
        service.queue.waiting.clear()  # Redis was wiped
        service.reconcile()
        service.deliver(1)
    assert service.status(job_id) == "completed"


def test_a_message_that_comes_twice_or_late_does_nothing(service):
    job_id = service.submit()
    ring = service.queue.waiting[0]
    service.deliver()
    before = service.counts(job_id), len(service.tasks(job_id))
    assert not service.worker.do(ring.task_id)
    assert (service.counts(job_id), len(service.tasks(job_id))) == before


def test_a_task_of_a_dead_worker_is_claimed_again_once_its_lease_has_run_out(service):
    job_id = service.submit()
    with service.store.write() as connection:
        assert tasks.claim(connection, service.queue.waiting[0].task_id, "a worker that dies", 60.0)
    service.deliver()
    assert service.status(job_id) == "validating"  # its lease still holds
    service.alter_tasks(lease_expires_at=1.0)
    service.reconcile()
    service.deliver()
    assert service.status(job_id) == "completed"


def test_a_worker_that_slept_through_its_lease_can_write_nothing(service):
    service.submit()
    task_id = service.queue.waiting[0].task_id
    sleeper = Leases(service.store, 60.0, lambda: None)
    assert sleeper.claim(task_id)
    service.alter_tasks(lease_expires_at=1.0)
    with service.store.write() as connection:
        assert tasks.claim(connection, task_id, "another", 60.0)
    with pytest.raises(LeaseLost), sleeper.fenced.write():
        pytest.fail("the block is not entered")


@pytest.fixture
def two_tasks(service):
    """What a worker holds that has two tasks, one of which is about to end."""
    leases = Leases(service.store, 60.0, lambda: None)
    for _ in range(2):
        service.submit()
    claims = [leases.claim(bell.task_id) for bell in service.queue.waiting]
    assert all(claims)
    return leases, claims


def test_what_is_committed_while_another_task_ends_waits_for_that_and_is_kept(service, two_tasks):
    leases, (ending, going_on) = two_tasks
    kept = []

    def commit():
        with leases.fenced.write():
            kept.append(True)

    with service.store.write() as connection:
        leases.finish(connection, ending)
        other = threading.Thread(target=commit)
        other.start()
        time.sleep(0.1)
    other.join()
    assert kept
    assert leases.claims == [going_on]


def test_a_task_that_another_worker_has_is_not_ended(service, two_tasks):
    leases, (ending, _) = two_tasks
    service.alter_tasks(lease_expires_at=1.0)
    with service.store.write() as connection:
        assert tasks.claim(connection, ending.id, "another", 60.0)
    with pytest.raises(LeaseLost), service.store.write() as connection:
        leases.finish(connection, ending)


def test_transactions_of_one_worker_do_not_wait_for_each_other(service, two_tasks):
    if service.store.dialect_name != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    leases, _ = two_tasks
    with leases.fenced.write():
        pass  # the first after a claim, or a beat, extends what is held
    with leases.fenced.write(), leases.fenced.write():
        pass


def test_a_task_over_which_every_worker_dies_is_set_aside_and_can_be_retried(service):
    job_id = service.submit()
    task_id = service.queue.waiting[0].task_id
    for _ in range(tasks.MAX_ATTEMPTS):
        with service.store.write() as connection:
            assert tasks.claim(connection, task_id, "a worker that dies", 60.0)
        service.alter_tasks(lease_expires_at=1.0)
    assert not service.worker.do(task_id)
    assert service.reconcile().num_quarantined == 1
    assert service.status(job_id) == "failed"
    assert "set aside" in service.job(job_id).error
    assert retry(service.store, service.queue, job_id) == 1
    service.reconcile()
    service.deliver()
    assert service.status(job_id) == "completed"


def test_attempts_are_forgotten_once_something_was_committed(service):
    job_id = service.submit()
    leases = Leases(service.store, 60.0, lambda: None)
    assert leases.claim(service.queue.waiting[0].task_id)
    assert service.tasks(job_id)[0].num_attempts == 1
    with leases.fenced.write():
        pass
    assert service.tasks(job_id)[0].num_attempts == 0


def test_a_paused_job_is_left_alone_and_goes_on_when_it_is_resumed(service):
    job_id = service.submit()
    service.deliver(1)
    stop(service.store, job_id, "paused")
    service.reconcile()
    service.deliver()
    assert service.status(job_id) == "paused"
    assert service.counts(job_id).num_reflections == 0
    resume(service.store, service.queue, job_id)
    service.reconcile()
    service.deliver()
    assert service.status(job_id) == "completed"


def test_a_cancelled_job_stays_cancelled(service):
    job_id = service.submit()
    stop(service.store, job_id, "cancelled")
    service.reconcile()
    service.deliver()
    assert service.status(job_id) == "cancelled"
    with pytest.raises(RecipeError, match="not paused"):
        resume(service.store, service.queue, job_id)


def test_a_worker_that_is_to_go_gives_its_task_back_at_once(service):
    job_id = service.submit()
    service.deliver(1)
    gone = service.new_worker(is_to_go=lambda: True)
    for bell in list(service.queue.waiting):
        gone.do(bell.task_id)
    gone.close()
    assert {row.state for row in service.tasks(job_id)} <= {"done", "ready"}
    service.reconcile()
    service.deliver()
    assert service.status(job_id) == "completed"


def test_a_corpus_without_a_document_fails_the_job_and_says_why(service):
    (service.folder / "corpus_1.jsonl").write_text('{"no": "text"}\n')
    job_id = service.submit()
    service.deliver()
    assert service.status(job_id) == "failed"
    assert "no_text" in service.job(job_id).error


def test_a_parquet_corpus_that_cannot_be_decoded_ends_as_a_rejected_row_and_not_as_a_dead_worker(service):
    broken = service.folder / "corpus_2.parquet"
    broken.write_bytes(b"PAR1" + bytes(200) + b"PAR1")
    service.add_corpus([], "corpus_2", broken)
    job_id = service.submit("corpus_2")
    service.deliver()
    assert service.status(job_id) == "failed"
    assert "unreadable_file" in service.job(job_id).error


def test_an_endpoint_that_is_away_costs_no_attempt(service):
    service.registry = Registry.model_validate(
        {
            "endpoints": {"gone": {"url": "http://127.0.0.1:9/v1", "outage_patience_seconds": 0}},
            "recipes": {"far": {"teacher": {"use": ["gone"]}}},
        }
    )
    job_id = service.submit(recipe="far")
    service.deliver()
    (row,) = service.tasks(job_id)
    assert (row.state, row.num_attempts) == ("ready", 0)
    assert row.error
    assert service.status(job_id) == "validating"


def test_an_endpoint_that_was_away_for_longer_than_its_patience_is_asked_again_by_the_same_worker(service):
    doors = [http(503), None]
    with background(lambda asked: answer(doors[0], asked)) as server:
        endpoint = {"url": server.url, "model": "m", "outage_patience_seconds": 0}
        service.registry = Registry.model_validate(
            {"endpoints": {"far": endpoint}, "recipes": {"far": {"teacher": {"use": ["far"]}}}}
        )
        job_id = service.submit(service.add_corpus(["Chunk s1 speaks calmly of boats."], "corpus_2"), recipe="far")
        service.deliver()
        assert [row.kind for row in service.tasks(job_id) if row.state == "ready"] == ["reflect"]
        doors.pop(0)
        service.alter_tasks(not_before=0.0)
        service.reconcile()
        service.deliver()
        assert service.status(job_id) == "completed"


async def answer(door, asked):
    return door or good_answer(asked)


def test_two_exports_hold_the_same_bytes_whoever_made_them(service, tmp_path):
    (tmp_path / "other").mkdir()
    other = Service(tmp_path / "other")
    other.add_corpus(TEXTS)
    first, second = service.submit(), other.submit()
    service.deliver()
    for _ in range(200):
        worker = other.new_worker()
        other.reconcile()
        if not other.deliver(1, worker):
            break
        worker.close()
    assert other.status(second) == "completed"

    assert files(service.export_folder(first)) == files(other.export_folder(second))


def files(folder):
    """The bytes of an export, but for the manifest, which has the time in it."""
    return {
        p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"
    }


def num_archived(service, job_id):
    with service.store.read() as connection:
        return len(archives.archived(connection, service.job(job_id).id))


def test_a_worker_archives_a_finished_job_and_an_export_after_that_has_the_same_bytes(service):
    job_id = service.submit()
    service.deliver()
    first, counts = service.export_folder(job_id), service.counts(job_id)
    request_archive(service.store, service.queue, job_id)
    request_archive(service.store, service.queue, job_id)  # said twice, done once
    assert service.deliver() == 1
    assert num_archived(service, job_id) == 1
    assert service.counts(job_id).num_reflections == 0
    assert kinds_of_events(service, job_id)[-2:] == ["archiving", "archived"]
    request_export(service.store, service.queue, job_id, ExportRequest().options(service.registry))
    service.deliver()
    assert num_archived(service, job_id) == 0
    assert service.counts(job_id) == counts
    (second,) = (one for one in first.parent.iterdir() if one != first)
    wanted = {name: written for name, written in files(first).items() if name.parts[0] == "parquet"}
    assert wanted.items() <= files(second).items()


def test_a_worker_that_slept_through_its_lease_archives_nothing(service):
    job_id = service.submit()
    service.deliver()
    request_archive(service.store, service.queue, job_id)
    sleeper = Leases(service.store, 60.0, lambda: None)
    assert sleeper.claim(service.queue.waiting[0].task_id)
    service.alter_tasks(lease_expires_at=1.0)
    with service.store.write() as connection:
        assert tasks.claim(connection, service.queue.waiting[0].task_id, "another", 60.0)
    with pytest.raises(LeaseLost):
        archive_job(sleeper.fenced, service.job(job_id), service.job_folder(job_id))
    assert num_archived(service, job_id) == 0
