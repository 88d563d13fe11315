"""Which epochs the present one has replaced."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("chat_epochs", sa.Column("replaced", sa.Text, nullable=False, server_default=""))
