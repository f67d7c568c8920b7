"""a finished job's reflections are archived by a task of the ledger

Revision: 0005, after 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _allow("'plan', 'reflect', 'review', 'export', 'archive'")


def downgrade() -> None:
    op.execute("DELETE FROM task WHERE kind = 'archive'")
    _allow("'plan', 'reflect', 'review', 'export'")


def _allow(kinds: str) -> None:
    with op.batch_alter_table("task") as task:
        task.drop_constraint(op.f("ck_task_kind"), type_="check")
        task.create_check_constraint(op.f("ck_task_kind"), f"kind IN ({kinds})")
