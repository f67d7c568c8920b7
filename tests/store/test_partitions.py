import time
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest
from alembic import command
from sqlalchemy import event, inspect, text

from reflectgen.errors import OutputError
from reflectgen.store import Store, jobs, reflections
from reflectgen.store import partitions as swept_partitions
from reflectgen.store.counts import count_job
from reflectgen.store.engine import Address, alembic_config, migrate
from reflectgen.store.pages import Filters, reflections_page
from reflectgen.store.partitions import PARTITIONED, name_of
from tests.servers import PostgresServer
from tests.store.rows import answer, keep, new_job


@pytest.fixture
def store(postgres_url):
    with Store.at(postgres_url) as store:
        yield store


def partitions(store):
    """The tables that belong to one job each."""
    with store.read() as connection:
        names = inspect(connection).get_table_names()
    return {name for name in names if name.startswith(tuple(f"{table.name}_" for table in PARTITIONED))}


def of(*job_ids):
    return {name_of(table, job_id) for table in PARTITIONED for job_id in job_ids}


def plans(store, ask):
    """How PostgreSQL goes about each query that `ask` makes of it."""
    asked = []
    with store.read() as connection:

        @event.listens_for(connection, "before_cursor_execute")
        def note(_connection, _cursor, statement, parameters, _context, _many):
            asked.append((statement, parameters))

        ask(connection)
        event.remove(connection, "before_cursor_execute", note)
        return ["\n".join(connection.exec_driver_sql(f"EXPLAIN {query}", given).scalars()) for query, given in asked]


def discard(store, job_id):
    with store.write() as connection:
        jobs.discard(connection, job_id)
    sweep(store)


def sweep(store):
    """As the reconciler does."""
    with store.write() as connection:
        swept_partitions.sweep(connection)


def num_rows(store, job_id):
    with store.read() as connection:
        return reflections.num_answers(connection, job_id)


def test_a_job_comes_and_goes_with_its_partitions_and_leaves_others_alone(store):
    first, second = new_job(store), new_job(store)
    for job_id in (first, second):
        keep(store, *(answer(job_id, chunk) for chunk in range(3)))
    assert partitions(store) == of(first, second)
    discard(store, first)
    assert partitions(store) == of(second)
    assert (num_rows(store, first), num_rows(store, second)) == (0, 3)


def test_a_job_that_is_not_kept_leaves_no_partition(store):
    with pytest.raises(KeyError), store.write() as connection:
        jobs.create(connection, ["a"], {}, "sha", [jobs.SourceRow(0, "a", "jsonl", 1, "s")], "0", 1.0)
        raise KeyError
    assert partitions(store) == set()


def test_a_row_of_no_job_is_refused(store):
    job_id = new_job(store)
    with pytest.raises(OutputError, match="no partition"):
        keep(store, answer(job_id + 1, 0))


def test_a_long_export_holds_up_neither_a_new_job_nor_the_end_of_another(store):
    first, second = new_job(store), new_job(store)
    keep(store, answer(first, 0), answer(second, 0))
    with store.read() as export:
        assert [row.chunk for row in reflections.current(export, first, 0)] == [0]
        begun = time.monotonic()
        third = new_job(store)
        keep(store, answer(third, 0))
        discard(store, second)
        assert time.monotonic() - begun < 3
        assert num_rows(store, second) == 0
        assert [row.chunk for row in reflections.current(export, first, 0)] == [0]
    discard(store, third)  # nobody looks any more: what the export kept from being removed goes too
    assert partitions(store) == of(first)


def test_a_job_that_is_being_exported_can_be_discarded_and_the_export_does_not_notice(store):
    job_id = new_job(store)
    keep(store, *(answer(job_id, chunk) for chunk in range(3)))
    with store.read() as export:
        assert count_job(export, job_id).num_reflections == 3
        discard(store, job_id)
        with store.read() as connection:
            assert jobs.get(connection, job_id) is None
        assert count_job(export, job_id).num_reflections == 3
    sweep(store)
    assert partitions(store) == set()


def test_a_deleted_job_is_gone_at_once_and_its_rows_with_the_next_sweep(store):
    job_id = new_job(store)
    keep(store, answer(job_id, 0))
    with store.write() as connection:
        jobs.discard(connection, job_id)
    with store.read() as connection:
        assert jobs.latest(connection) is None
    assert partitions(store) == of(job_id)
    sweep(store)
    assert partitions(store) == set()


def test_two_who_sweep_at_once_do_not_fall_over_each_other(store):
    for _ in range(3):
        job_id = new_job(store)
        keep(store, answer(job_id, 0))
        with store.write() as connection:
            jobs.discard(connection, job_id)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: sweep(store), range(2)))
    sweep(store)
    assert partitions(store) == set()


def test_a_query_about_a_job_looks_into_its_partitions_alone(store):
    first, second = new_job(store), new_job(store)
    keep(store, answer(first, 0), answer(second, 0))
    with store.read() as connection:
        query = reflections.current_query(first, 0).compile(connection)
        explained = connection.exec_driver_sql(f"EXPLAIN {query}", query.params).scalars().all()
    assert name_of(reflections.reflection, first) in "\n".join(explained)
    assert name_of(reflections.reflection, second) not in "\n".join(explained)


def test_the_chunks_of_a_shard_that_nobody_has_counted_yet_are_not_compared_with_each_other(store):
    job_id = new_job(store)
    keep(store, *(answer(job_id, number % 200, number // 200) for number in range(5000)))
    (plan,) = plans(store, lambda connection: reflections.num_settled(connection, job_id, 0))
    assert "Join" not in plan and "Nested Loop" not in plan


def nothing_archived(*_):
    return []


PAGES = {
    "all": Filters(),
    "a verdict": Filters(verdict="unsafe"),
    "a word": Filters(text="nowhere to be found"),
    "a reason": Filters(reason="length"),
}


@pytest.mark.parametrize("is_counted", [False, True], ids=["new", "counted"])
@pytest.mark.parametrize("wanted", PAGES.values(), ids=PAGES)
def test_a_page_is_found_by_the_primary_key_and_no_partition_is_read_through(wanted, is_counted, store, monkeypatch):
    monkeypatch.setattr("reflectgen.store.pages.WINDOW_CHUNKS", 250)
    job_id = new_job(store, num_shards=20, num_chunks=250)
    keep(store, *(answer(job_id, number % 250, shard=number // 250) for number in range(5000)))
    if is_counted:
        store.gather_statistics(job_id)
    explained = plans(
        store, lambda connection: reflections_page(connection, job_id, wanted, (7, 0, 3), 20, nothing_archived)
    )
    assert any("reflection" in plan for plan in explained)
    for plan in explained:
        assert f"Seq Scan on reflection_{job_id}" not in plan, plan
        assert is_counted or wanted.reason or "Join" not in plan, plan


def test_the_rows_of_an_earlier_schema_are_moved_and_can_be_moved_back(empty_database_url):
    engine = Address.of(empty_database_url).engine()
    migrate(engine, "0002")
    with engine.begin() as connection:
        for job_id in (3, 8):
            connection.execute(
                text(
                    "INSERT INTO job (id, state, ingested, inputs, recipe, recipe_sha256, code_version, created_at) "
                    "VALUES (:id, 'finished', true, '[]', '{}', '', '0', 1)"
                ),
                {"id": job_id},
            )
            connection.execute(
                text("INSERT INTO shard VALUES (:id, 0, 'reflected', 'c', 's', 'k', 's', 'split 1', 1, 1, 1)"),
                {"id": job_id},
            )
            connection.execute(text("INSERT INTO label VALUES (:id, 0, 0, 0, 'safe', 'none', 0.1, '')"), {"id": job_id})
    engine.dispose()
    with Store.at(empty_database_url) as store:
        assert {"label_3", "label_8"} <= partitions(store)
        with store.read() as connection:
            assert set(reflections.labels_of(connection, 3, 0)) == {(0, 0)}
        discard(store, 3)
        with store.write() as connection:
            config = alembic_config(files("reflectgen.store") / "migrations")
            config.attributes["connection"] = connection
            command.downgrade(config, "0002")
        assert partitions(store) == set()
        with store.read() as connection:
            assert connection.execute(text("SELECT job_id FROM label")).scalars().all() == [8]


def test_on_sqlite_a_job_is_removed_row_by_row(tmp_path):
    with Store(tmp_path / "a.sqlite") as store:
        first, second = new_job(store), new_job(store)
        keep(store, answer(first, 0), answer(second, 0))
        discard(store, first)
        assert (num_rows(store, first), num_rows(store, second)) == (0, 1)


def test_a_job_that_is_vacuumed_is_swept_away_all_the_same(postgres_server):
    # It takes a while over every page, so that it is at work when the job goes.
    slow = {"autovacuum_naptime": "1s", "autovacuum_vacuum_cost_delay": "100ms", "autovacuum_vacuum_cost_limit": "1"}
    at_work = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = CAST(:name AS regclass)"
    with PostgresServer(**slow) as server, Store.at(server.create_database()) as store:
        job_id = new_job(store, num_chunks=5000)
        keep(store, *(answer(job_id, number % 200, number // 200) for number in range(5000)))
        give_up = time.monotonic() + 60
        while True:
            with store.read() as connection:
                if connection.execute(text(at_work), {"name": f"reflection_{job_id}"}).scalar_one():
                    break
            assert time.monotonic() < give_up, "no vacuum began"
            time.sleep(0.05)
        said = []
        with store.write() as connection:
            jobs.discard(connection, job_id)
        with store.write() as connection:

            @event.listens_for(connection, "before_cursor_execute")
            def note(_connection, _cursor, statement, _parameters, _context, _many):
                said.append(statement)

            swept_partitions.sweep(connection)
        assert f'TRUNCATE "reflection_{job_id}"' in said
        assert partitions(store) == set()
