"""shards whose reflections lie in a file beside their corpus shard

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shard", sa.Column("archive_file", sa.Text(), server_default="", nullable=False))
    op.add_column("shard", sa.Column("archive_sha256", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("shard", "archive_sha256")
    op.drop_column("shard", "archive_file")
