"""A part of its own in each of the big tables for every job, on PostgreSQL: deleting a job is then instant.

Whoever makes or removes a partition must not wait for a long export of another job, nor make others wait for it. So a
partition is attached, which locks nobody out, and emptied under its own lock alone; it is removed when nobody looks at
the table for a moment. That is also why these tables have no foreign keys there: with one, the tables that it points
to would be locked as well, and every worker writes them.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, select, text

from reflectgen.store.tables import document, job, label, reflection

PARTITIONED = (document, label, reflection)
# An attempt at a lock holds up all who come after it: for a whole table that is everybody, for a partition those who
# look at this job. There it lasts longer than the second, `deadlock_timeout`, after which PostgreSQL's own vacuum
# gives way.
TABLE_MILLISECONDS = 200
PARTITION_MILLISECONDS = 2000
_LOCK_NOT_AVAILABLE = "55P03"


def name_of(table: Table, job_id: int) -> str:
    """Return the name of a job's partition."""
    return f"{table.name}_{job_id}"


def make(connection: Connection, job_id: int) -> None:
    """Make a new job's partitions, in the transaction that adds the job."""
    if connection.dialect.name != "postgresql":
        return
    for table in PARTITIONED:
        name = name_of(table, job_id)
        connection.execute(text(f'CREATE TABLE "{name}" (LIKE "{table.name}" INCLUDING ALL)'))
        connection.execute(text(f'ALTER TABLE "{table.name}" ATTACH PARTITION "{name}" FOR VALUES IN ({job_id})'))


def empty(connection: Connection, job_id: int) -> None:
    """Delete every row that a job has in these tables."""
    for table in reversed(PARTITIONED):
        emptied = f'TRUNCATE "{name_of(table, job_id)}"'
        # Somebody may be reading this very job: the rows are then deleted one by one, which waits for nobody.
        if connection.dialect.name != "postgresql" or not _locked(connection, emptied, PARTITION_MILLISECONDS):
            connection.execute(delete(table).where(table.c.job_id == job_id))


def remove_abandoned(connection: Connection) -> None:
    """Remove partitions of jobs that are gone; what is in use stays until the next time. To be called last."""
    if connection.dialect.name != "postgresql":
        return
    attached = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:parent AS regclass)")
    names = [name for table in PARTITIONED for name in connection.scalars(attached, {"parent": table.name})]
    # Asked for after the partitions, so that a job which was added meanwhile is known.
    jobs = {str(job_id) for job_id in connection.scalars(select(job.c.id))}
    for name in names:
        if name.rpartition("_")[2] not in jobs:
            _locked(connection, f'DROP TABLE "{name}"', TABLE_MILLISECONDS)


def _locked(connection: Connection, statement: str, milliseconds: int) -> bool:
    """Run a statement that needs a lock of its own; False, and nothing is done, if that is not to be had soon."""
    import psycopg

    savepoint = connection.begin_nested()
    try:
        connection.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))
        connection.execute(text(statement))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
    except Exception as error:
        savepoint.rollback()
        said = getattr(error, "orig", error)
        if isinstance(said, psycopg.Error) and said.sqlstate == _LOCK_NOT_AVAILABLE:
            return False
        raise
    savepoint.commit()
    return True
