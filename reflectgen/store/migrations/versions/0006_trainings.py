"""trainings of a finished job, done by tasks of the ledger

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "training",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("num_steps", sa.Integer(), nullable=False),
        sa.Column("loss", sa.Float(), nullable=True),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("manifest_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_training_job")),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_training")),
        sa.UniqueConstraint("public_id", name=op.f("uq_training_public_id")),
        sqlite_with_rowid=False,
    )
    _allow("'plan', 'reflect', 'review', 'export', 'archive', 'train'")


def downgrade() -> None:
    op.execute("DELETE FROM task WHERE kind = 'train'")
    _allow("'plan', 'reflect', 'review', 'export', 'archive'")
    op.drop_table("training")


def _allow(kinds: str) -> None:
    with op.batch_alter_table("task") as task:
        task.drop_constraint(op.f("ck_task_kind"), type_="check")
        task.create_check_constraint(op.f("ck_task_kind"), f"kind IN ({kinds})")
