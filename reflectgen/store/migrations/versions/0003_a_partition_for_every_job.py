"""a partition for every job, on PostgreSQL, in the tables that grow with a corpus

Revision: 0003, after 0002
"""

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Each with its primary key and its partial indexes.
TABLES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("document", ("job_id", "key"), ()),
    ("label", ("job_id", "shard", "document", "chunk"), ()),
    ("reflection", ("job_id", "shard", "document", "chunk", "revision"), ("rationale_key", "request_key")),
)


def upgrade() -> None:
    if not _is_postgresql():
        return
    jobs = [row[0] for row in op.get_bind().execute(sa.text("SELECT id FROM job ORDER BY id"))]
    for table, key, indexed in TABLES:
        op.execute(f'ALTER TABLE "{table}" RENAME TO "{table}_before"')
        op.execute(f'CREATE TABLE "{table}" (LIKE "{table}_before") PARTITION BY LIST (job_id)')
        for job_id in jobs:
            op.execute(f'CREATE TABLE "{table}_{job_id}" (LIKE "{table}")')
            rows = f'SELECT * FROM "{table}_before" WHERE job_id = {job_id}'  # noqa: S608  names and numbers of ours
            op.execute(f'INSERT INTO "{table}_{job_id}" {rows}')
            op.execute(f'ALTER TABLE "{table}" ATTACH PARTITION "{table}_{job_id}" FOR VALUES IN ({job_id})')
        op.execute(f'DROP TABLE "{table}_before"')
        _add_indexes(table, key, indexed)


def downgrade() -> None:
    if not _is_postgresql():
        return
    for table, key, indexed in TABLES:
        op.execute(f'ALTER TABLE "{table}" RENAME TO "{table}_before"')
        op.execute(f'CREATE TABLE "{table}" (LIKE "{table}_before")')
        op.execute(f'INSERT INTO "{table}" SELECT * FROM "{table}_before"')  # noqa: S608
        op.execute(f'DROP TABLE "{table}_before"')
        _add_indexes(table, key, indexed)
        op.create_foreign_key(f"fk_{table}_shard", table, "shard", ["job_id", "shard"], ["job_id", "number"])
    for column, name in (("provenance_id", "provenance"), ("guard_provenance_id", "guard_provenance")):
        op.create_foreign_key(f"fk_reflection_{name}", "reflection", "provenance", [column], ["id"])


def _add_indexes(table: str, key: Iterable[str], indexed: Iterable[str]) -> None:
    op.create_primary_key(f"pk_{table}", table, list(key))
    for name in indexed:
        where = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_{table}_job_id_{name}", table, ["job_id", name], postgresql_where=where)


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
