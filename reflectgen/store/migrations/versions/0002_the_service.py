"""the service: what was submitted, the ledger of tasks, events, corpora, exports, reviews, keys

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.Column("last_used_at", sa.Float(), nullable=True),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
    )
    op.create_table(
        "corpus",
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("num_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("public_id", name=op.f("pk_corpus")),
    )
    op.create_table(
        "idempotency",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "route", "key", name=op.f("pk_idempotency")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_event_job")),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_event")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "export",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("manifest_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_export_job")),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_export")),
        sa.UniqueConstraint("public_id", name=op.f("uq_export_public_id")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("lease_expires_at", sa.Float(), nullable=False),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.Column("dispatched_at", sa.Float(), nullable=False),
        sa.Column("num_attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.CheckConstraint("kind IN ('plan', 'reflect', 'review', 'export')", name=op.f("ck_task_kind")),
        sa.CheckConstraint("state IN ('ready', 'leased', 'done', 'quarantined')", name=op.f("ck_task_state")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_task_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("job_id", "kind", "number", name=op.f("uq_task_job_id_kind_number")),
    )
    op.create_index(
        op.f("ix_task_job_id_kind_number"),
        "task",
        ["job_id", "kind", "number"],
        unique=False,
        sqlite_where=sa.text("state != 'done'"),
        postgresql_where=sa.text("state != 'done'"),
    )
    op.create_table(
        "review",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("document", sa.Integer(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("is_accepted", sa.Boolean(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["job_id", "shard"], ["shard.job_id", "shard.number"], name=op.f("fk_review_shard")),
        sa.PrimaryKeyConstraint("job_id", "shard", "document", "chunk", "revision", "number", name=op.f("pk_review")),
        sqlite_with_rowid=False,
    )
    op.add_column("usage", sa.Column("noted_at", sa.Float(), server_default="0", nullable=False))
    op.add_column("job", sa.Column("public_id", sa.Text(), nullable=True))
    op.add_column("job", sa.Column("key_id", sa.Text(), nullable=True))
    op.add_column("job", sa.Column("request", sa.Text(), nullable=True))
    op.add_column("job", sa.Column("hold", sa.Text(), server_default="", nullable=False))
    op.add_column("job", sa.Column("error", sa.Text(), server_default="", nullable=False))
    op.create_index(op.f("ix_job_public_id"), "job", ["public_id"], unique=True)


def downgrade() -> None:
    op.drop_index(op.f("ix_job_public_id"), table_name="job")
    op.drop_column("job", "error")
    op.drop_column("job", "hold")
    op.drop_column("job", "request")
    op.drop_column("job", "key_id")
    op.drop_column("job", "public_id")
    op.drop_column("usage", "noted_at")
    op.drop_table("review")
    op.drop_index(op.f("ix_task_job_id_kind_number"), table_name="task")
    op.drop_table("task")
    op.drop_table("export")
    op.drop_table("event")
    op.drop_table("idempotency")
    op.drop_table("corpus")
    op.drop_table("api_key")
