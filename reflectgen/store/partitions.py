"""A part of its own in each of the big tables for every job, on PostgreSQL: deleting a job is then instant.

Whoever makes or removes a partition must not wait for a long export of another job, nor make others wait for it. So a
partition is attached, which locks nobody out. A deleted job leaves its partitions behind, which nobody finds any more;
`sweep` empties them, each under its own lock alone, and removes them when nobody looks at the table for a moment. What
takes long is to give back the files of millions of rows, and no person waits for that.

It is also why these tables have no foreign keys there: with one, the tables that it points to would be locked as well,
and every worker writes them. What a key would refuse, a worker's fence refuses: its transactions begin by locking its
task, which is gone with the job.
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
_LATER = ("55P03", "42P01")  # the lock is not to be had, or another sweeper was first


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


def abandon(connection: Connection, job_id: int) -> None:
    """Leave a job's rows in these tables to `sweep`; on SQLite, where it has no partitions, delete them."""
    if connection.dialect.name != "postgresql":
        for table in reversed(PARTITIONED):
            connection.execute(delete(table).where(table.c.job_id == job_id))


def sweep(connection: Connection) -> None:
    """Empty the partitions of jobs that are gone, and remove them; what is in use stays until the next time."""
    if connection.dialect.name != "postgresql":
        return
    abandoned = _abandoned(connection)
    full = [name for name, num_bytes in abandoned if num_bytes]
    emptied = [name for name in full if _locked(connection, f'TRUNCATE "{name}"', PARTITION_MILLISECONDS)]
    for name, _ in abandoned:
        # What could not be removed at once is tried again and again, and must hold up nobody.
        _locked(connection, f'DROP TABLE "{name}"', TABLE_MILLISECONDS if emptied else 1)


def _abandoned(connection: Connection) -> list[tuple[str, int]]:
    """Return the partitions of jobs that are gone, with the bytes of their rows."""
    attached = text(
        "SELECT inhrelid::regclass::text, pg_relation_size(inhrelid) FROM pg_inherits "
        "WHERE inhparent = CAST(:parent AS regclass)"
    )
    found = [tuple(row) for table in PARTITIONED for row in connection.execute(attached, {"parent": table.name})]
    # Asked for after the partitions, so that a job which was added meanwhile is known.
    jobs = {str(job_id) for job_id in connection.scalars(select(job.c.id))}
    return [(name, num_bytes or 0) for name, num_bytes in found if name.rpartition("_")[2] not in jobs]


def _locked(connection: Connection, statement: str, milliseconds: int) -> bool:
    """Run a statement that needs a lock of its own; False, and nothing is done, if that is not to be had soon.

    So it is where another process, which does the same, was first.
    """
    import psycopg

    savepoint = connection.begin_nested()
    try:
        connection.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))
        connection.execute(text(statement))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
    except Exception as error:
        savepoint.rollback()
        said = getattr(error, "orig", error)
        if isinstance(said, psycopg.Error) and said.sqlstate in _LATER:
            return False
        raise
    savepoint.commit()
    return True
