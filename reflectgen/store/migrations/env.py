"""Alembic's way in: it runs on the connection that `migrate` hands over, inside its transaction."""

from typing import Any

from alembic import context

from reflectgen.store.partitions import PARTITIONED
from reflectgen.store.tables import metadata

connection = context.config.attributes["connection"]


def is_compared(one: Any, _name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Foreign keys of partitioned tables are in SQLite alone; partitions come and go with jobs."""
    if connection.dialect.name != "postgresql":
        return True
    names = [table.name for table in PARTITIONED]
    if kind == "foreign_key_constraint":
        return one.table.name not in names
    return kind != "table" or not one.name.startswith(tuple(f"{name}_" for name in names))


context.configure(
    connection=connection,
    target_metadata=metadata,
    include_object=is_compared,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
